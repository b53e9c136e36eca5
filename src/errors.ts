/**
 * Every error code Lethe throws, with what it means. `docs/errors.md` has one line for each; a test holds the two together.
 */
export const errorCodes = {
  internal: 'A promise inside Lethe was broken; please report it.',
  usage: 'The command line or the options of a call do not fit together.',
  cancelled: 'The work was stopped by the user; a checkpoint is kept where there is one.',
  'not-found': 'A file or folder does not exist.',
  unreadable: 'A file exists but cannot be read.',
  unwritable: 'An output cannot be written (permission, missing folder, or a folder in its place).',
  'disk-full': 'There is no room left for an output; nothing was left half-written.',
  'not-onnx': 'The file is not an ONNX model.',
  'model-truncated': 'The ONNX file ends early or its parts do not fit together.',
  'model-quantised': 'The model holds integer-quantised weights, which have no gradient.',
  'model-unsupported': 'The model has a form that Lethe cannot work with.',
  'op-unsupported': 'An operator is unknown to the runtime.',
  'rule-missing': 'A gradient is needed through an operator that has no rule.',
  'shape-mismatch': 'A tensor has another shape than expected.',
  'dtype-mismatch': 'A tensor has another element type than expected.',
  'mixes-examples': 'The answer for one example depends on the other examples of its batch.',
  'batch-axis-lost': 'The batch axis of a value cannot be followed; gradients are then made one example at a time.',
  'output-ambiguous': 'The model has several outputs and none was chosen.',
  'output-unknown': 'The chosen output does not exist.',
  'loss-unsupported': 'The loss does not fit the shape or type of the output.',
  'engine-failed': 'The runtime could not create a session or run it.',
  'device-missing': 'The chosen device (WebGPU or CUDA) is not there.',
  'device-wrong': 'The chosen device (WebGPU or CUDA) gives wrong numbers for this model.',
  'data-format': 'A data file is not in the form it claims.',
  'data-unsafe': 'A data file holds something that Lethe refuses to load (pickled objects).',
  'image-size': 'An image does not have the size the model takes.',
  'label-range': 'A label is outside the classes of the model.',
  'value-not-finite': 'A number in data, losses or gradients is NaN or infinite.',
  'forget-empty': 'The forget set is empty.',
  'forget-all': 'The forget set is all of the data.',
  'id-unknown': 'A record to forget is not in the data.',
  'attribute-unknown': 'The data has no such attribute or value.',
  'store-format': 'An importance store cannot be read.',
  'store-mismatch': 'An importance store belongs to another model or was made in another way.',
  'forget-unseen': 'A forget record is not part of the data that the store was made from.',
  'strength-void': 'The chosen strength cannot select any parameter.',
  'config-invalid': 'lethe.json or another configuration file is not valid.',
  'weights-unmapped': 'A changed weight of the model has no place in the state dict.',
  'checkpoint-mismatch': 'A checkpoint belongs to another piece of work.',
} as const satisfies Record<string, string>

/** Code of an error, as in `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes

/**
 * The one error class: a stable `code`, one sentence saying where, expected, got and what to do, and the facts as `data`.
 */
export class LetheError extends Error {
  override readonly name = 'LetheError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** True for errors made by Lethe, also across a worker or a second copy of the module. */
export function isLetheError(error: unknown): error is LetheError {
  return error instanceof Error && error.name === 'LetheError' && 'code' in error
}
