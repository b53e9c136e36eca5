import { type Graph, intAttribute, intsAttribute, type Node, producers } from '../../graph/graph.js'
import { numberAt } from '../../tensor/tensor.js'
import { nodeLimit, tooLong } from '../limit.js'
import { constantNumber, given, type Lowering, type LoweringContext, lengthOf, rankOf, refuse } from '../lowering.js'
import { bodyOf, splice } from '../splice.js'

/** Control flow whose course does not depend on data: the branch that is taken, and the rounds of a loop one after another. */
export const control: readonly Lowering[] = [
  {
    op: 'If',
    since: 1,
    constants: [0],
    expand: (c) => {
      const branch = bodyAttribute(c, constantNumber(c, 0) ? 'then_branch' : 'else_branch')
      place(c, branch, [], c.node.outputs, '')
      return c.node.outputs
    },
  },
  { op: 'Loop', since: 1, constants: [0, 1], expand: loop },
  // Since opset 9 without the batch axis that Scan-8 had.
  { op: 'Scan', since: 9, expand: scan },
]

function bodyAttribute(c: LoweringContext, name: string): Graph {
  const a = c.node.attributes[name]
  return a?.kind === 'graph' ? a.value : refuse(c, `a body "${name}" that cannot be read`)
}

/** Writes a body and gives the names of its outputs. */
function place(
  c: LoweringContext,
  body: Graph,
  inputs: readonly string[],
  outputs: readonly string[],
  round: string,
): readonly string[] {
  const label = `${c.w.label}${round}`
  c.w.nodes.push(...splice(bodyOf(body), { inputs, outputs, label }, c.fresh))
  return outputs
}

/** One round: a fresh name for each output. */
function playRound(c: LoweringContext, body: Graph, inputs: readonly string[], round: number): readonly string[] {
  const outputs = body.outputs.map((v) => c.fresh(`${c.w.label}/${round}/${v.name}`))
  return place(c, body, inputs, outputs, `/${round}`)
}

function checkLength(c: LoweringContext, body: Graph, rounds: number): void {
  const nodes = rounds * Math.max(1, body.nodes.length)
  if (nodes > nodeLimit) throw tooLong(c.node, nodes)
}

function loop(c: LoweringContext): string[] {
  const body = bodyAttribute(c, 'body')
  const most = constantNumber(c, 0) ?? refuse(c, 'no trip count')
  const rounds = constantNumber(c, 1) === 0 ? 0 : Math.max(0, most)
  if (rounds > 1 && !goesOn(body)) refuse(c, 'a condition that may end it early')
  checkLength(c, body, rounds)
  let state = c.node.inputs.slice(2)
  const scanned: string[][] = []
  for (let i = 0; i < rounds; i++) {
    const condition = c.w.op('Cast', [c.w.int(1)], { to: { kind: 'int', value: 9 } })
    const [, ...outputs] = playRound(c, body, [c.w.int(i), condition, ...state], i)
    scanned.push(outputs.slice(state.length).map((v) => c.w.unsqueeze(v, 0)))
    state = outputs.slice(0, state.length)
  }
  const count = body.outputs.length - 1 - state.length
  if (count > 0 && rounds === 0) refuse(c, 'no rounds to collect values from')
  const stacked = Array.from({ length: count }, (_, k) =>
    c.w.concat(
      scanned.map((values) => values[k]!),
      0,
    ),
  )
  return [...state, ...stacked]
}

/** True where the condition that a round hands on is the one it was given, or true in itself. */
function goesOn(body: Graph): boolean {
  const made = producers(body)
  let name = body.outputs[0]?.name ?? ''
  for (let node = made.get(name); node?.op === 'Identity' || node?.op === 'Cast'; node = made.get(name)) {
    name = node.inputs[0] ?? ''
  }
  return name === body.inputs[1]?.name || isTrue(made.get(name), body, name)
}

function isTrue(node: Node | undefined, body: Graph, name: string): boolean {
  const value = node?.op === 'Constant' ? node.attributes.value : undefined
  const t = value?.kind === 'tensor' ? value.value : body.initializers.get(name)
  return t !== undefined && numberAt(t, 0) !== 0
}

function scan(c: LoweringContext): string[] {
  const { w, node } = c
  const body = bodyAttribute(c, 'body')
  const count = intAttribute(node, 'num_scan_inputs', 0)
  const states = node.inputs.length - count
  const outputs = body.outputs.length - states
  const zeros = (length: number): number[] => Array(length).fill(0)
  const axes = intsAttribute(node, 'scan_input_axes', zeros(count))
  const turned = intsAttribute(node, 'scan_input_directions', zeros(count))
  const outAxes = intsAttribute(node, 'scan_output_axes', zeros(outputs))
  const outTurned = intsAttribute(node, 'scan_output_directions', zeros(outputs))
  const rounds = lengthOf(c, states, axes[0] ?? 0)
  if (rounds === 0) refuse(c, 'no rounds')
  checkLength(c, body, rounds)
  const parts = Array.from({ length: count }, (_, k) => {
    const axis = axes[k]! < 0 ? axes[k]! + rankOf(c, states + k) : axes[k]!
    const steps = w.split(given(c, states + k), axis, Array(rounds).fill(1)).map((v) => w.squeeze(v, axis))
    return turned[k] === 1 ? steps.reverse() : steps
  })
  let state: readonly string[] = node.inputs.slice(0, states)
  const collected = Array.from({ length: outputs }, (): string[] => [])
  for (let i = 0; i < rounds; i++) {
    const made = playRound(c, body, [...state, ...parts.map((steps) => steps[i]!)], i)
    state = made.slice(0, states)
    collected.forEach((values, k) => {
      values.push(w.unsqueeze(made[states + k]!, outAxes[k]!))
    })
  }
  return [...state, ...collected.map((v, k) => w.concat(outTurned[k] === 1 ? v.toReversed() : v, outAxes[k]!))]
}
