import { idHash } from '../data/split.js'
import { LetheError } from '../errors.js'
import type { Examples } from '../network/examples.js'
import type { EstimatorSettings } from './estimators/estimator.js'
import { defaultGroupSize } from './estimators/grouped.js'
import type { Importance } from './importance.js'

/** The examples of one label, in the order of a hash of their ids: the beginning is a random sample, whatever the order of the data. */
export interface Stratum {
  readonly label: number
  readonly rows: readonly number[]
}

/** How a sample lies in all of the data: examples of it, of all, and labels. */
export interface SampleSizes {
  readonly sample: number
  readonly all: number
  readonly labels: number
}

/**
 * Settings for a sample: of `grouped`, unless a size was asked for, groups as large as those of all the data, or one a label where the sample has
 * fewer. A group of n gives n·μ² + σ² for gradients of mean μ and variance σ²: smaller groups than those of all data would count the noise more often than
 * they do. Throws `usage` for `batch-mean`.
 */
export function sampledSettings(settings: EstimatorSettings, { sample, all, labels }: SampleSizes): EstimatorSettings {
  if (settings.estimator === 'batch-mean')
    throw new LetheError(
      'usage',
      'batch-mean depends on the order of all data; --examples is for exact, grouped and sketch.',
    )
  if (settings.estimator !== 'grouped' || settings.groupSize !== undefined) return settings
  const ofLabel = all / labels
  const inAll = Math.ceil(ofLabel / Math.ceil(ofLabel / defaultGroupSize))
  return { ...settings, groupSize: Math.max(1, Math.min(inAll, Math.round(sample / labels))) }
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

/** Rows of a stratified sample of about `size` examples, ascending: of every label the same share, and one at least. Samples contain each other. */
export function sampleRows(examples: Examples, size: number, hasClasses: boolean): number[] {
  const share = Math.min(1, size / examples.size)
  const rows = strataOf(examples, hasClasses).flatMap((s) =>
    s.rows.slice(0, Math.max(1, Math.round(share * s.rows.length))),
  )
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
