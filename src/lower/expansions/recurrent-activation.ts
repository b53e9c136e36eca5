import type { Attribute, Node } from '../../graph/graph.js'
import { type LoweringContext, refuse } from '../lowering.js'
import type { Writer } from '../writer.js'

export type Activation = (x: string) => string

/** Activations by lower-case name, with the numbers they take and their defaults (none: they must be given). */
const known: Readonly<Record<string, Kind>> = {
  relu: plain('Relu'),
  tanh: plain('Tanh'),
  sigmoid: plain('Sigmoid'),
  softsign: plain('Softsign'),
  softplus: plain('Softplus'),
  leakyrelu: { alpha: 0.01, write: (w, x, alpha) => w.activation('LeakyRelu', x, { alpha }) },
  thresholdedrelu: { alpha: 1, write: (w, x, alpha) => w.activation('ThresholdedRelu', x, { alpha }) },
  elu: { alpha: 1, write: (w, x, alpha) => w.activation('Elu', x, { alpha }) },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    write: (w, x, alpha, beta) => w.activation('HardSigmoid', x, { alpha, beta }),
  },
  // α·x + β
  affine: { alpha: 1, beta: 0, write: (w, x, alpha, beta) => w.add(w.scale(x, alpha), w.scalar(beta)) },
  // α·tanh(β·x)
  scaledtanh: { alpha: 1, beta: 1, write: (w, x, alpha, beta) => w.scale(w.op('Tanh', [w.scale(x, beta)]), alpha) },
}

interface Kind {
  readonly alpha?: number
  readonly beta?: number
  readonly write: (w: Writer, x: string, alpha: number, beta: number) => string
}

function plain(op: string): Kind {
  return { write: (w, x) => w.op(op, [x]) }
}

const defaults: Readonly<Record<string, readonly string[]>> = {
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  RNN: ['Tanh'],
}

/**
 * The activations of each direction. Their numbers stand in lists that are used up in order, by those that take one.
 * Throws `rule-missing` for an unknown name.
 */
export function activationsOf(c: LoweringContext, directions: number): Activation[][] {
  const usual = defaults[c.node.op]!
  const given = c.node.attributes.activations
  const names = given?.kind === 'strings' ? given.value : Array.from({ length: directions }, () => usual).flat()
  const alphas = [...floatsOf(c.node, 'activation_alpha')]
  const betas = [...floatsOf(c.node, 'activation_beta')]
  const all = names.map((name): Activation => {
    const kind = known[name.toLowerCase()] ?? refuse(c, `the activation "${name}"`)
    const alpha = kind.alpha === undefined ? 0 : (alphas.shift() ?? kind.alpha)
    const beta = kind.beta === undefined ? 0 : (betas.shift() ?? kind.beta)
    return (x) => kind.write(c.w, x, alpha, beta)
  })
  return Array.from({ length: directions }, (_, d) => all.slice(d * usual.length, (d + 1) * usual.length))
}

function floatsOf(node: Node, name: string): readonly number[] {
  const attribute: Attribute | undefined = node.attributes[name]
  return attribute?.kind === 'floats' ? attribute.value : []
}
