import { int, intAttribute, textAttribute } from '../../graph/graph.js'
import { given, type Lowering, type LoweringContext, lengthOf, refuse } from '../lowering.js'
import { type Activation, activationsOf } from './recurrent-activation.js'

/**
 * Recurrent layers step by step. Axis letters: `T` time, `N` examples, `I` inputs, `H` hidden, `D` directions, `G` gates.
 * A step keeps its time axis of one ([1, N, H]), so that examples are on axis 1 throughout. The inputs' part of every gate
 * is one matrix product over all steps, and steps are taken apart by one Split, whose gradient is one Concat.
 * ONNX LSTM-14, GRU-14, RNN-14.
 */
export const recurrent: readonly Lowering[] = [
  { op: 'LSTM', since: 7, expand: (c) => expand(c, { gates: 4, initialC: 6, peepholes: 7, step: lstm }) },
  { op: 'GRU', since: 7, expand: (c) => expand(c, { gates: 3, step: gru }) },
  { op: 'RNN', since: 7, expand: (c) => expand(c, { gates: 1, step: rnn }) },
]

interface Cell {
  readonly gates: number
  readonly initialC?: number
  readonly peepholes?: number
  readonly step: (layer: Layer, xt: string, state: State) => State
}

/** What a step hands on; a missing value is zero. */
interface State {
  readonly h?: string | undefined
  readonly c?: string | undefined
}

/** One direction of a layer. */
interface Layer {
  readonly context: LoweringContext
  readonly H: number
  /** R', [H, G·H]. */
  readonly R: string
  /** Bias of the recurrent part, [G·H], where it is not already in the inputs' part. */
  readonly Rb: string | undefined
  /** Peepholes of the input, output and forget gates, each [H]. */
  readonly P: readonly string[]
  readonly activations: readonly Activation[]
}

function expand(c: LoweringContext, cell: Cell): string[] {
  const { w, node } = c
  if (node.attributes.clip) refuse(c, 'clipped cells')
  if (intAttribute(node, 'layout', 0) === 1) refuse(c, 'layout 1')
  const T = lengthOf(c, 0, 0)
  const [D, H] = [lengthOf(c, 1, 0), lengthOf(c, 2, 2)]
  const direction = textAttribute(node, 'direction', 'forward')
  const lens = c.I[4] ? w.op('Cast', [given(c, 4)], { to: int(7) }) : undefined
  if (lens && c.opset < 10 && direction !== 'forward') refuse(c, 'lengths of sequences read backwards')
  const masks = lens ? masksOf(c, lens, T) : undefined
  const turn = (v: string): string =>
    lens ? w.op('ReverseSequence', [v, lens], { time_axis: int(0), batch_axis: int(1) }) : v
  const activations = activationsOf(c, D)
  const parts = (i: number): (string | undefined)[] =>
    c.I[i] ? w.split(given(c, i), 0, Array(D).fill(1)) : Array(D).fill(undefined)
  const rows = (i: number): (string | undefined)[] => parts(i).map((v) => v && w.squeeze(v, 0))
  const [W, R, B, P] = [rows(1), rows(2), rows(3), rows(cell.peepholes ?? 99)]
  const [h0, c0] = [parts(5), parts(cell.initialC ?? 99)]
  const results = W.map((weight, d) => {
    const isReverse = direction === 'reverse' || d === 1
    const gated = cell.gates * H
    const [Wb, Rb] = B[d] ? w.split(B[d], 0, [gated, gated]) : []
    const isApart = intAttribute(node, 'linear_before_reset', 0) !== 0
    const bias = Wb && Rb && !isApart ? w.add(Wb, Rb) : Wb
    const x = isReverse ? turn(given(c, 0)) : given(c, 0)
    const xw = w.matmul(x, w.transpose(weight!, [1, 0]))
    const layer: Layer = {
      context: c,
      H,
      R: w.transpose(R[d]!, [1, 0]),
      Rb: isApart ? Rb : undefined,
      P: P[d] ? w.split(P[d], 0, [H, H, H]) : [],
      activations: activations[d]!,
    }
    const inputs = w.split(bias ? w.add(xw, bias) : xw, 0, Array(T).fill(1))
    const isBackward = isReverse && !lens
    const first: State = { h: h0[d], c: c0[d] }
    const run = walk(layer, cell, { inputs: isBackward ? inputs.toReversed() : inputs, masks, first })
    const y = w.concat(isBackward ? run.outputs.toReversed() : run.outputs, 0)
    return { y: isReverse ? turn(y) : y, ...run.last }
  })
  const y = w.concat(
    results.map((r) => w.unsqueeze(r.y, 1)),
    1,
  )
  const stacked = (values: readonly (string | undefined)[]): string =>
    w.concat(
      values.map((v) => v ?? ''),
      0,
    )
  const last = [stacked(results.map((r) => r.h))]
  if (cell.initialC) last.push(stacked(results.map((r) => r.c)))
  return [y, ...last]
}

/** For each step whether an example's sequence is that long, [1, N, 1]. */
function masksOf({ w }: LoweringContext, lens: string, T: number): string[] {
  const steps = w.reshape(w.ints([...Array(T).keys()]), [T, 1])
  return w.split(w.unsqueeze(w.op('Less', [steps, lens]), 2), 0, Array(T).fill(1))
}

interface Sequence {
  readonly inputs: readonly string[]
  readonly masks: readonly string[] | undefined
  readonly first: State
}

/** All steps. Behind an example's end the state stays and the output is zero. */
function walk(layer: Layer, cell: Cell, { inputs, masks, first }: Sequence): { outputs: string[]; last: State } {
  const { w } = layer.context
  const zero = w.scalar(0)
  const outputs: string[] = []
  let state = first
  inputs.forEach((xt, t) => {
    const next = cell.step(layer, xt, state)
    const mask = masks?.[t]
    outputs.push(mask ? w.where(mask, next.h!, zero) : next.h!)
    state = mask
      ? { h: w.where(mask, next.h!, state.h ?? zero), c: next.c && w.where(mask, next.c, state.c ?? zero) }
      : next
  })
  return { outputs, last: state }
}

/** Product with a state that may be zero. */
function recurrence({ context: { w }, R }: Layer, xt: string, h: string | undefined): string {
  return h ? w.add(xt, w.matmul(h, R)) : xt
}

/** i, o, f = f(·), c' = g(·), C = f∘C₋₁ + i∘c', H = o∘h(C); peepholes look at C₋₁, the output's at C. */
function lstm(layer: Layer, xt: string, { h, c }: State): State {
  const { H, P } = layer
  const { w, node } = layer.context
  const [f, g, out] = layer.activations as [Activation, Activation, Activation]
  const [i0, o0, f0, c1] = w.split(recurrence(layer, xt, h), 2, [H, H, H, H]) as [string, string, string, string]
  const peeped = (gate: string, p: string | undefined, cell: string | undefined): string =>
    p && cell ? w.add(gate, w.mul(p, cell)) : gate
  const i = f(peeped(i0, P[0], c))
  const candidate = w.mul(i, g(c1))
  const isCoupled = intAttribute(node, 'input_forget', 0) !== 0
  const forget = (cell: string): string => (isCoupled ? w.sub(w.scalar(1), i) : f(peeped(f0, P[2], cell)))
  const next = c ? w.add(w.mul(forget(c), c), candidate) : candidate
  return { h: w.mul(f(peeped(o0, P[1], next)), out(next)), c: next }
}

/** z, r = f(·), h' = g(X·W + (r∘H₋₁)·R) or, with linear_before_reset, g(X·W + r∘(H₋₁·R + b)); H = (1 − z)∘h' + z∘H₋₁. */
function gru(layer: Layer, xt: string, { h }: State): State {
  const { H, Rb } = layer
  const { w, node } = layer.context
  const [f, g] = layer.activations as [Activation, Activation]
  const [xGates, xh] = w.split(xt, 2, [2 * H, H]) as [string, string]
  const isApart = intAttribute(node, 'linear_before_reset', 0) !== 0
  const whole = isApart ? h && w.matmul(h, layer.R) : undefined
  const biased = whole && Rb ? w.add(whole, Rb) : (whole ?? Rb)
  const [hGates, hh] = biased && isApart ? w.split(biased, -1, [2 * H, H]) : []
  const [Rgates, Rh] = isApart ? [] : w.split(layer.R, 1, [2 * H, H])
  const product = hGates ?? (h && Rgates ? w.matmul(h, Rgates) : undefined)
  const [z, r] = w.split(f(product ? w.add(xGates, product) : xGates), 2, [H, H]) as [string, string]
  const inner = hh ? w.mul(r, hh) : h && Rh ? w.matmul(w.mul(r, h), Rh) : undefined
  const candidate = g(inner ? w.add(xh, inner) : xh)
  if (!h) return { h: w.sub(candidate, w.mul(z, candidate)) }
  return { h: w.add(candidate, w.mul(z, w.sub(h, candidate))) }
}

/** H = f(X·W + H₋₁·R). */
function rnn(layer: Layer, xt: string, { h }: State): State {
  return { h: layer.activations[0]!(recurrence(layer, xt, h)) }
}
