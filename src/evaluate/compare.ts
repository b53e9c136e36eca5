import { LetheError } from '../errors.js'

export interface LossGroup {
  readonly name: string
  readonly losses: Float64Array
}

/** Losses of several groups counted over the same bins, so that their shapes can be laid over each other. */
export interface LossHistogram {
  readonly scale: 'log' | 'linear'
  /** Ascending borders in nats, one more than bins; bin i holds edges[i] ≤ loss < edges[i+1], the last its upper border too. */
  readonly edges: readonly number[]
  readonly groups: readonly {
    readonly name: string
    readonly counts: readonly number[]
    readonly shares: readonly number[]
  }[]
}

export interface LossHistogramOptions {
  readonly bins?: number
  /** `log` (default) spreads the small losses of well-learnt records; losses below `smallest` fall in the first bin. */
  readonly scale?: 'log' | 'linear'
  readonly smallest?: number
}

/**
 * Histograms of losses over shared bins: counts, and shares of each group (which sum to 1 for a group with records).
 * Throws `value-not-finite` (NaN or infinite loss), `usage` (no bins).
 */
export function lossHistogram(
  groups: readonly LossGroup[],
  { bins = 40, scale = 'log', smallest = 1e-6 }: LossHistogramOptions = {},
): LossHistogram {
  if (!(bins >= 1)) throw new LetheError('usage', `A histogram needs at least one bin, got ${bins}.`)
  let largest = 0
  for (const { name, losses } of groups) {
    for (const loss of losses) {
      if (!Number.isFinite(loss)) throw new LetheError('value-not-finite', `A loss of group "${name}" is ${loss}.`)
      if (loss > largest) largest = loss
    }
  }
  const edges = scale === 'log' ? logEdges(smallest, largest, bins) : linearEdges(largest, bins)
  return { scale, edges, groups: groups.map(({ name, losses }) => ({ name, ...count(losses, edges) })) }
}

function logEdges(smallest: number, largest: number, bins: number): number[] {
  const ratio = Math.log(Math.max(largest, smallest * 10) / smallest)
  return Array.from({ length: bins + 1 }, (_, i) => smallest * Math.exp((ratio * i) / bins))
}

function linearEdges(largest: number, bins: number): number[] {
  const width = (largest || 1) / bins
  return Array.from({ length: bins + 1 }, (_, i) => width * i)
}

function count(losses: Float64Array, edges: readonly number[]): { counts: number[]; shares: number[] } {
  const counts = new Array<number>(edges.length - 1).fill(0)
  for (const loss of losses) {
    const above = edges.findIndex((edge) => loss < edge)
    // Below the first border and on or above the last belong to the outermost bins.
    const bin = above < 0 ? counts.length - 1 : Math.max(above - 1, 0)
    counts[bin]! += 1
  }
  return { counts, shares: counts.map((c) => (losses.length === 0 ? 0 : c / losses.length)) }
}
