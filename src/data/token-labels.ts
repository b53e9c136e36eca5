import { LetheError } from '../errors.js'
import { isFloat, type Tensor } from '../tensor/tensor.js'
import type { Example } from './dataset.js'

/** Label of a token that has none, as Hugging Face's data has it. */
const ignored = -100
/** Names that token ids go by, the first that is there. */
const idNames = ['labels', 'input_ids', 'x'] as const

/** True where records have a list `labels`, one number for every token. */
export function hasTokenLabels(example: Example): boolean {
  return example.kind === 'tensors' && listOf(example, 'labels') !== undefined
}

/**
 * Label of every token of a record, [T], −100 for none.
 *
 * `own`: the tensor `labels` as it stands (token classification). `next`: at position t the token at t + 1, and none at the last
 * (next-token prediction); tokens are those of `labels` where there are some (−100 is none), else the ids. Where the attention mask is
 * 0 at t or t + 1 there is none: padding is no token to predict, and predicts nothing.
 *
 * Throws `data-format` for a record without them.
 * Source of the shift and of −100: the losses of Hugging Face's transformers (`ForCausalLMLoss`), which leave the mask to −100.
 */
export function tokenLabels(example: Example, which: 'own' | 'next', id: string, idSource?: string): Int32Array {
  const names = which === 'own' ? ['labels'] : [idNames[0], ...(idSource === undefined ? [] : [idSource]), ...idNames]
  const tokens = names.map((name) => listOf(example, name)).find((list) => list !== undefined)
  if (!tokens) {
    throw new LetheError(
      'data-format',
      which === 'own'
        ? `Record "${id}" has no labels of tokens; give them as a list of numbers "labels", −100 for none.`
        : `Record "${id}" has no token ids ("input_ids") to predict.`,
      { id },
    )
  }
  if (which === 'own') return tokens
  const mask = listOf(example, 'attention_mask')
  const isToken = (t: number): boolean => mask === undefined || mask[t] !== 0
  return tokens.map((_, t) => (t + 1 < tokens.length && isToken(t) && isToken(t + 1) ? tokens[t + 1]! : ignored))
}

/** Whole numbers of a tensor [T] of a record; undefined where there is no such tensor. */
function listOf(example: Example, name: string): Int32Array | undefined {
  if (example.kind !== 'tensors' || !Object.hasOwn(example.tensors, name)) return undefined
  const tensor: Tensor | undefined = example.tensors[name]
  if (tensor?.dims.length !== 1 || isFloat(tensor.dtype)) return undefined
  return Int32Array.from(tensor.data, Number)
}
