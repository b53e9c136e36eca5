import type { Processor } from './form.js'

/** Ids of tokens, and the segment that each belongs to. */
export interface Sequence {
  readonly ids: number[]
  readonly typeIds: number[]
}

/**
 * Tokens of one text or a pair with the special tokens of a processor around them; without one, the texts one after another,
 * segments 0 and 1. RoBERTa has no segments: all 0.
 * Source: Hugging Face's `tokenizers`, processors bert, roberta, template.
 */
export function addSpecialTokens(
  processor: Processor | undefined,
  first: readonly number[],
  second: readonly number[] | undefined,
): Sequence {
  switch (processor?.type) {
    case 'BertProcessing': {
      const [cls, sep] = [processor.cls[1], processor.sep[1]]
      return join([
        [[cls, ...first, sep], 0],
        [second ? [...second, sep] : [], 1],
      ])
    }
    case 'RobertaProcessing': {
      const [cls, sep] = [processor.cls[1], processor.sep[1]]
      return join([[[cls, ...first, sep, ...(second ? [sep, ...second, sep] : [])], 0]])
    }
    case 'TemplateProcessing': {
      const marks = new Map(Object.entries(processor.special_tokens))
      return join(
        (second ? processor.pair : processor.single).map((piece) =>
          'SpecialToken' in piece
            ? [marks.get(piece.SpecialToken.id)?.ids ?? [], piece.SpecialToken.type_id]
            : [(piece.Sequence.id === 'A' ? first : second) ?? [], piece.Sequence.type_id],
        ),
      )
    }
    default:
      return join([
        [first, 0],
        [second ?? [], 1],
      ])
  }
}

function join(parts: readonly (readonly [ids: readonly number[], typeId: number])[]): Sequence {
  return {
    ids: parts.flatMap(([ids]) => [...ids]),
    typeIds: parts.flatMap(([ids, typeId]) => new Array<number>(ids.length).fill(typeId)),
  }
}

/**
 * Lengths of two texts cut to a sum of at most `most` tokens, the longer one first.
 * Source: `truncate_encodings`, strategy LongestFirst, of Hugging Face's `tokenizers`.
 */
export function longestFirst(first: number, second: number, most: number): [number, number] {
  if (first + second <= most) return [first, second]
  const swap = first > second
  let [short, long] = swap ? [second, first] : [first, second]
  long = short > most ? short : Math.max(short, most - short)
  if (short + long > most) {
    short = Math.floor(most / 2)
    long = short + (most % 2)
  }
  return swap ? [long, short] : [short, long]
}
