import { inFloat32 } from '../graph/float32.js'
import type { Graph } from '../graph/graph.js'
import { type Untied, untie } from '../graph/untie.js'
import { rewrite } from '../lower/rewrite.js'
import { openMaskedRows } from './masked-rows.js'
import { type Tied, tie } from './tie.js'

/** A graph as work on it begins, and what of its parameters lies in the file otherwise. */
export interface Prepared {
  readonly graph: Graph
  /** Parameters that the exporter had merged by value: kept apart. */
  readonly untied: readonly Untied[]
  /** Copies of one parameter: put together. */
  readonly tied: readonly Tied[]
}

/**
 * The graph of a file in float32, with the parameters that its network had (merged ones apart, copies of one together) and with
 * masked softmaxes that have gradients.
 */
export function prepare(source: Graph): Prepared {
  const { graph, untied } = untie(inFloat32(rewrite(source)))
  return { ...tie(openMaskedRows(graph)), untied }
}
