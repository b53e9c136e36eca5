import { datasetOf } from '../../src/data/columns.js'
import type { Dataset } from '../../src/data/dataset.js'

/**
 * `size` records of 3 classes (ant, bee, cow in turn), attribute `person` p0 … p4 in turn; record i has id `r<i>` and the
 * tensor x = [i, −i].
 */
export function smallDataset(
  size: number,
  order: readonly number[] = Array.from({ length: size }, (_, i) => i),
): Dataset {
  return datasetOf({
    name: 'small',
    classes: ['ant', 'bee', 'cow'],
    labels: order.map((i) => i % 3),
    id: (row) => `r${order[row]}`,
    attributes: new Map([['person', (row: number) => `p${order[row]! % 5}`]]),
    read: (row) => ({
      kind: 'tensors',
      tensors: { x: { dtype: 'float32', dims: [2], data: Float32Array.of(order[row]!, -order[row]!) } },
    }),
  })
}
