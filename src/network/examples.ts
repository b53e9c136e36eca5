import type { Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'

/** Preprocessed labelled examples by row: what the engine is fed from. Reading a batch may be asynchronous. */
export interface Examples {
  readonly size: number
  /** Class ids, [N]. */
  readonly labels: Int32Array
  id(row: number): string
  /** Members of what belongs together within a label (a person): groups of `grouped` are then formed within it. */
  group?(row: number): string
  /** Inputs of the given rows, stacked: [rows.length, ...shape] by input name. The caller owns the buffers. */
  load(rows: readonly number[]): Promise<Record<string, Tensors[string]>>
}

/** Some rows of the examples, in the given order. */
export function pick(examples: Examples, rows: ArrayLike<number>): Examples {
  const at = (row: number): number => rows[row]!
  return {
    size: rows.length,
    labels: Int32Array.from(rows, (row) => examples.labels[row]!),
    id: (row) => examples.id(at(row)),
    ...(examples.group && { group: (row: number) => examples.group?.(at(row)) ?? '' }),
    load: (batch) => examples.load(batch.map(at)),
  }
}

/** Throws `label-range` for the first label that is no class of a model with K classes, naming the record. */
export function checkLabels(examples: Examples, classes: number): void {
  for (let row = 0; row < examples.size; row++) {
    const label = examples.labels[row]!
    if (label >= 0 && label < classes) continue
    throw new LetheError(
      'label-range',
      `Record "${examples.id(row)}" has label ${label}; the model has ${classes} classes (0 to ${classes - 1}). Check the data or choose the right output.`,
      { id: examples.id(row), label, classes },
    )
  }
}
