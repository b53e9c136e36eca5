import { z } from 'zod'

const id = z.int().nonnegative()
const typeId = z.int().nonnegative()

const piece = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: typeId }) }),
  z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id: typeId }) }),
])
const mark = z.tuple([z.string(), id])

const simpleProcessor = z.discriminatedUnion('type', [
  z.object({ type: z.literal('BertProcessing'), sep: mark, cls: mark }),
  z.object({ type: z.literal('RobertaProcessing'), sep: mark, cls: mark }),
  z.object({ type: z.literal('ByteLevel') }),
  z.object({
    type: z.literal('TemplateProcessing'),
    single: z.array(piece),
    pair: z.array(piece),
    special_tokens: z.record(z.string(), z.object({ ids: z.array(id) })),
  }),
])

/** What Lethe itself reads of a `tokenizer.json`; the rest is the tokenizer library's. Source: the files that Hugging Face's `tokenizers` 0.23 writes. */
export const tokenizerSchema = z.looseObject({
  model: z.looseObject({ type: z.string().optional(), unk_token: z.string().nullish() }),
  added_tokens: z.array(z.looseObject({ id, content: z.string() })).nullish(),
  truncation: z
    .looseObject({ max_length: z.int().positive(), direction: z.enum(['Right', 'Left']).optional() })
    .nullish(),
  padding: z
    .looseObject({
      pad_id: id,
      pad_type_id: typeId.optional(),
      direction: z.enum(['Right', 'Left']).optional(),
      strategy: z.unknown(),
    })
    .nullish(),
  post_processor: z
    .union([simpleProcessor, z.object({ type: z.literal('Sequence'), processors: z.array(simpleProcessor) })])
    .nullish(),
})

export type TokenizerForm = z.infer<typeof tokenizerSchema>
/** How special tokens are set around one text or two. */
export type Processor = z.infer<typeof simpleProcessor>
