import type { Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import { isTokenLoss } from '../fisher/loss.js'
import { ignoredLabel } from '../fisher/token-answers.js'
import type { Memory } from '../tensor/memory.js'
import type { Network } from './network.js'

/** Inputs of some rows, and the label of each of their tokens. */
export interface LabelledTokens {
  readonly inputs: Record<string, Tensors[string]>
  /** Class of every position that the model has scores for, −100 where it counts for nothing: [rows · T], row by row. */
  readonly labels: Int32Array
}

/** Preprocessed labelled examples by row: what the engine is fed from. Reading a batch may be asynchronous. */
export interface Examples {
  readonly size: number
  /** Class ids, [N]. */
  readonly labels: Int32Array
  id(row: number): string
  /** Members of what belongs together within a label (a person): groups of `grouped` are then formed within it. */
  group?(row: number): string
  /** Inputs of the given rows, stacked: [rows.length, ...shape] by input name. The caller owns the buffers, which may be taken from `memory`. */
  load(rows: readonly number[], memory?: Memory): Promise<Record<string, Tensors[string]>>
  /**
   * The same with the labels of tokens, for losses by tokens: of next-token prediction those of the *next* position, −100 at the
   * last. Throws `data-format` for a record without any.
   */
  loadLabelled?(rows: readonly number[]): Promise<LabelledTokens>
}

/** Some rows of the examples, in the given order. */
export function pick(examples: Examples, rows: ArrayLike<number>): Examples {
  const at = (row: number): number => rows[row]!
  return {
    size: rows.length,
    labels: Int32Array.from(rows, (row) => examples.labels[row]!),
    id: (row) => examples.id(at(row)),
    ...(examples.group && { group: (row: number) => examples.group?.(at(row)) ?? '' }),
    load: (batch, memory) => examples.load(batch.map(at), memory),
    ...(examples.loadLabelled && { loadLabelled: (batch: readonly number[]) => labelledOf(examples, batch.map(at)) }),
  }
}

/** Throws `label-range` for labels that are no classes of the network; labels of tokens are checked as they are loaded. */
export function checkExamples(examples: Examples, network: Pick<Network, 'loss' | 'classes'>): void {
  if (!isTokenLoss(network.loss.loss)) checkLabels(examples, network.classes)
}

/** Inputs with labels of tokens. Throws `usage` for examples that do not tell them. */
export function labelledOf(examples: Examples, rows: readonly number[]): Promise<LabelledTokens> {
  if (examples.loadLabelled) return examples.loadLabelled(rows)
  throw new LetheError('usage', 'A loss by tokens needs examples that tell the labels of tokens (loadLabelled).')
}

/**
 * Labels [rows · T] of a model with scores [N, T, K], checked. Throws `shape-mismatch`, `label-range`, and `data-format` for a
 * record without a labelled token, which has no loss; all name the record.
 */
export function checkTokens(
  labels: Int32Array,
  examples: Examples,
  rows: readonly number[],
  { count, classes }: { readonly count: number; readonly classes: number },
): void {
  if (labels.length !== rows.length * count) {
    throw new LetheError(
      'shape-mismatch',
      `The model has scores for ${count} tokens, but record "${examples.id(rows[0]!)}" has labels for ${labels.length / rows.length}.`,
      { id: examples.id(rows[0]!), tokens: count },
    )
  }
  for (const [i, row] of rows.entries()) {
    let known = 0
    for (let t = 0; t < count; t++) {
      const label = labels[i * count + t]!
      if (label === ignoredLabel) continue
      known++
      if (label >= 0 && label < classes) continue
      throw new LetheError(
        'label-range',
        `Record "${examples.id(row)}" has label ${label} at token ${t}; the model has ${classes} classes (0 to ${classes - 1}), and −100 stands for none. Check the data or choose the right output.`,
        { id: examples.id(row), label, token: t, classes },
      )
    }
    if (known > 0) continue
    throw new LetheError(
      'data-format',
      `Record "${examples.id(row)}" has no labelled token, so it has no loss; leave it out of the data.`,
      { id: examples.id(row) },
    )
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
