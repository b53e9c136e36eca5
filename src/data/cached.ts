import type { Dataset, Example } from './dataset.js'

/** The same data with every example read once and kept in memory: for small data that is read many times. */
export function cached(dataset: Dataset): Dataset {
  const kept = new Map<number, Example>()
  return {
    ...dataset,
    async read(i) {
      const known = kept.get(i) ?? (await dataset.read(i))
      kept.set(i, known)
      return known
    },
  }
}
