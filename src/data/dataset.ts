import type { Tensor } from '../tensor/tensor.js'

/** One record as read, before preprocessing: an image of 8-bit pixels, or tensors ready to be fed (without batch axis). */
export type Example = ImageExample | TensorExample

export interface ImageExample {
  readonly kind: 'image'
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3 | 4
  /** Pixels row by row, channels interleaved: [H, W, C]. */
  readonly pixels: Uint8Array
}

export interface TensorExample {
  readonly kind: 'tensors'
  /**
   * One tensor per model input, by the input's name (`x` where the model has a single input). Shapes without batch axis.
   * Of texts: `input_ids`, `attention_mask`, `token_type_ids`, int64 [T], and `labels`, int64 [T]: a class a token, −100 for none,
   * never fed to a model.
   */
  readonly tensors: Readonly<Record<string, Tensor>>
}

/**
 * A labelled data set: a length, and examples, ids, labels and named attributes by index. Reading an example may be
 * asynchronous; everything else is in memory, so memory does not grow with the size of the examples.
 */
export interface Dataset {
  readonly name: string
  readonly size: number
  /** Names of the classes, label `k` is `classes[k]`; undefined where the data does not name them. */
  readonly classes: readonly string[] | undefined
  /** Names of the attributes beside the label: person, family, source … */
  readonly attributes: readonly string[]
  /** Stable id of record `i` (file path, row key or index), unique in the data set. */
  id(i: number): string
  /** Class id of record `i`, a non-negative integer. */
  label(i: number): number
  /** Value of an attribute of record `i`, as text. Throws `attribute-unknown`. */
  attribute(name: string, i: number): string
  read(i: number): Example | Promise<Example>
  /** What there is to tell of the records read so far, such as texts that were cut; one sentence each. */
  notes?(): readonly string[]
}
