import { idHash } from '../data/split.js'
import { LetheError } from '../errors.js'
import type { Examples } from '../network/examples.js'
import type { EstimatorSettings } from './estimators/estimator.js'
import type { Importance } from './importance.js'

/** The examples of one label, in the order of a hash of their ids: the beginning is a random sample, whatever the order of the data. */
export interface Stratum {
  readonly label: number
  readonly rows: readonly number[]
}

/** Examples a group of `grouped` where only a sample is looked at: groups of 512 of a tenth of the data would be too few to tell anything. */
export const sampledGroupSize = 64
/** Examples that are taken together where an estimator has no groups. */
const plainBlock = 16

/** Settings for a sample: a group size that leaves each label several groups, unless one was asked for. Throws `usage` for `batch-mean`. */
export function sampledSettings(settings: EstimatorSettings): EstimatorSettings {
  if (settings.estimator === 'batch-mean')
    throw new LetheError(
      'usage',
      'batch-mean depends on the order of all data; --examples is for exact, grouped and sketch.',
    )
  return settings.estimator === 'grouped'
    ? { ...settings, groupSize: settings.groupSize ?? sampledGroupSize }
    : settings
}

/** Examples that a sample grows by, label by label: whole groups, so that a larger sample has those of the smaller. */
export function blockOf({ estimator, groupSize }: EstimatorSettings): number {
  return estimator === 'grouped' ? (groupSize ?? sampledGroupSize) : plainBlock
}

/** Strata of the examples by label, ascending; one stratum of all where they have no class. */
export function strataOf(examples: Examples, hasClasses: boolean): Stratum[] {
  const members = new Map<number, { row: number; key: bigint }[]>()
  for (let row = 0; row < examples.size; row++) {
    const label = hasClasses ? examples.labels[row]! : 0
    const list = members.get(label) ?? []
    list.push({ row, key: idHash(examples.id(row)) })
    members.set(label, list)
  }
  return [...members]
    .sort(([a], [b]) => a - b)
    .map(([label, list]) => ({
      label,
      rows: list.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row - b.row)).map((m) => m.row),
    }))
}

/** Examples of a stratum in a sample of a share of all data: the same share of it, in whole blocks. */
export function sizeIn({ rows }: Stratum, share: number, block: number): number {
  return Math.min(rows.length, Math.max(1, Math.round((share * rows.length) / block)) * block)
}

/** Rows of a stratified sample of about `size` examples, ascending. Samples of the same settings contain each other. */
export function sampleRows(
  examples: Examples,
  size: number,
  { hasClasses, block }: { hasClasses: boolean; block: number },
): number[] {
  const share = Math.min(1, size / examples.size)
  const rows = strataOf(examples, hasClasses).flatMap((s) => s.rows.slice(0, sizeIn(s, share, block)))
  return rows.sort((a, b) => a - b)
}

/**
 * Importances of all data D from those of a sample s, of the forget set, and of what the sample has of the forget set:
 *
 * S_D = S_Df + (|D| − |D_f|) / (|s| − |D_f ∩ s|) · max(S_s − S_{D_f ∩ s}, 0)
 *
 * Only what stays is estimated. Scaling S_s up as it is would give weights shares above 1, and select most where the sample happened
 * to miss. Throws `forget-all` where the sample has nothing but records to forget.
 */
export function wholeOf(sample: Importance, forget: Importance, inSample: Importance | undefined): Importance {
  const { population } = sample
  if (!population) return sample
  const left = sample.count - (inSample?.count ?? 0)
  if (left <= 0) {
    throw new LetheError(
      'forget-all',
      `All ${sample.count} records of the sample that the store was made from are to be forgotten; make the store from more examples.`,
    )
  }
  const scale = (population.count - forget.count) / left
  const sums = new Map(
    [...sample.sums].map(([name, sum]) => {
      const [f, m] = [forget.sums.get(name), inSample?.sums.get(name)]
      return [name, sum.map((s, i) => (f?.[i] ?? 0) + scale * Math.max(s - (m?.[i] ?? 0), 0))]
    }),
  )
  return {
    sums,
    dims: sample.dims,
    count: population.count,
    units: population.count,
    classCounts: population.classCounts,
    settings: sample.settings,
    lossSum: (sample.lossSum / sample.count) * population.count,
  }
}
