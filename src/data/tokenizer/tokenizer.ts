import { z } from 'zod'
import { LetheError } from '../../errors.js'
import { type Processor, type TokenizerForm, tokenizerSchema } from './form.js'
import { precompiledNormaliser } from './precompiled.js'
import { addSpecialTokens, longestFirst, type Sequence } from './special-tokens.js'

/** Texts to token ids, as a `tokenizer.json` says. */
export interface Tokenizer {
  /** Token that fills up short texts, its segment, and the side it is put on. */
  readonly padId: number
  readonly padTypeId: number
  readonly padLeft: boolean
  /** Length that the file cuts or pads to, where it says one. */
  readonly maxLength: number | undefined
  /** Tokens of a text or a pair with special tokens, at most `maxLength`; `isCut` where there were more. */
  encode(text: string, pair: string | undefined, maxLength: number): Sequence & { readonly isCut: boolean }
  /** The same for words told apart, with the number of the word that each token is the first one kept of, −1 for others. */
  encodeWords(
    words: readonly string[],
    maxLength: number,
  ): Sequence & { readonly isCut: boolean; readonly begins: readonly number[] }
}

/** What is used of the library's tokenizer. */
interface LibraryTokenizer {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] }
  token_to_id(token: string): number | undefined
  readonly normalizer: unknown
}

const precompiledSchema = z.object({
  config: z.object({ type: z.literal('Precompiled'), precompiled_charsmap: z.string() }),
})
const sequenceSchema = z.object({ normalizers: z.array(z.unknown()) })

/** The library knows one table of SentencePiece, nearly, and takes it for all others: each is given its own. */
function setPrecompiled(normalizer: unknown): void {
  if (typeof normalizer !== 'function') return
  const { config, normalizers } = Object.fromEntries(Object.entries(normalizer))
  const precompiled = precompiledSchema.safeParse({ config })
  if (precompiled.success) {
    Object.assign(normalizer, { normalize: precompiledNormaliser(precompiled.data.config.precompiled_charsmap) })
  }
  const sequence = sequenceSchema.safeParse({ normalizers })
  if (sequence.success) for (const part of sequence.data.normalizers) setPrecompiled(part)
}

/** What tokens fill up short texts where the file does not say. */
const padTokens = ['[PAD]', '<pad>', '<|pad|>', '<|padding|>', '<|endoftext|>', '</s>']

/**
 * Tokenizer of the contents of a `tokenizer.json` (WordPiece, BPE, Unigram, WordLevel). `guard` runs work that may take long
 * (patterns of the file are regular expressions) and gives up on it in time.
 * Throws `data-format` naming the file where the contents are no tokenizer, or one of another kind.
 */
export async function makeTokenizer(
  json: unknown,
  path: string,
  guard: (work: () => void) => void,
): Promise<Tokenizer> {
  const parsed = tokenizerSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw notOne(path, `${issue?.path.join('.') || 'the file'}: ${issue?.message.toLowerCase()}`)
  }
  const form = parsed.data
  // Loaded with the first tokenizer: most data needs none.
  const { Tokenizer: Library } = await import('@huggingface/tokenizers')
  const bare = {
    normalizer: null,
    pre_tokenizer: null,
    ...form,
    added_tokens: form.added_tokens ?? [],
    // Special tokens are added here, after the texts are cut; nothing is decoded.
    post_processor: null,
    decoder: null,
  }
  const attempt = <T>(what: string, work: () => T): T => {
    let result: { readonly value: T } | undefined
    try {
      guard(() => {
        result = { value: work() }
      })
    } catch (cause) {
      throw notOne(path, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
    }
    if (result) return result.value
    throw new LetheError('internal', `Work on the tokenizer "${path}" has not been done.`)
  }
  const library = attempt(
    'it cannot be used',
    (): LibraryTokenizer => new Library(bare, { unk_token: form.model.unk_token ?? undefined }),
  )
  attempt('it cannot be used', () => setPrecompiled(library.normalizer))
  const processor = processorOf(form, path)
  const idsOf = (text: string): number[] =>
    attempt(`on a text of ${text.length} characters`, () =>
      // Characters that a vocabulary without an unknown token does not have are left out.
      library.encode(text, { add_special_tokens: false }).ids.filter((id) => Number.isInteger(id)),
    )
  const cutLeft = form.truncation?.direction === 'Left'
  const cut = <T>(tokens: readonly T[], length: number): readonly T[] =>
    cutLeft ? tokens.slice(tokens.length - length) : tokens.slice(0, length)
  /** Tokens that fit in beside the special ones. */
  const roomFor = (second: readonly number[] | undefined, maxLength: number): number => {
    const added = addSpecialTokens(processor, [], second && []).ids.length
    if (maxLength > added) return maxLength - added
    throw new LetheError(
      'config-invalid',
      `A length of ${maxLength} tokens has no room for text beside the ${added} special tokens of "${path}"; choose a larger maxLength.`,
      { maxLength, added },
    )
  }
  return {
    ...paddingOf(form, (token) => library.token_to_id(token)),
    maxLength: form.truncation?.max_length ?? fixedLength(form.padding?.strategy),
    encodeWords(words, maxLength) {
      const room = roomFor(undefined, maxLength)
      const tokens = words.flatMap((text, word) => idsOf(text).map((id) => ({ id, word })))
      const kept = cut(tokens, Math.min(room, tokens.length))
      // Special tokens stand where the numbers of the tokens do not.
      const at = addSpecialTokens(
        processor,
        kept.map((_, k) => -1 - k),
        undefined,
      ).ids
      const { ids, typeIds } = addSpecialTokens(
        processor,
        kept.map((t) => t.id),
        undefined,
      )
      return {
        ids,
        typeIds,
        isCut: kept.length < tokens.length,
        begins: at.map((k) => (k < 0 && kept[-1 - k]!.word !== kept[-2 - k]?.word ? kept[-1 - k]!.word : -1)),
      }
    },
    encode(text, pair, maxLength) {
      const first = idsOf(text)
      const second = pair === undefined ? undefined : idsOf(pair)
      const room = roomFor(second, maxLength)
      const [a, b] = longestFirst(first.length, second?.length ?? 0, room)
      const isCut = a < first.length || b < (second?.length ?? 0)
      return { ...addSpecialTokens(processor, cut(first, a), second && cut(second, b)), isCut }
    },
  }
}

function processorOf({ post_processor: given }: TokenizerForm, path: string): Processor | undefined {
  if (!given) return undefined
  const all: readonly Processor[] = given.type === 'Sequence' ? given.processors : [given]
  const adding = all.filter((p) => p.type !== 'ByteLevel')
  if (adding.length <= 1) return adding[0]
  throw notOne(path, `its post_processor adds special tokens ${adding.length} times over, which is not supported`)
}

function paddingOf(
  { padding }: TokenizerForm,
  idOf: (token: string) => number | undefined,
): Pick<Tokenizer, 'padId' | 'padTypeId' | 'padLeft'> {
  const known = padTokens.map(idOf).find((id) => id !== undefined)
  return {
    padId: padding?.pad_id ?? known ?? 0,
    padTypeId: padding?.pad_type_id ?? 0,
    padLeft: padding?.direction === 'Left',
  }
}

/** Length of the padding strategy `{"Fixed": n}`. */
function fixedLength(strategy: unknown): number | undefined {
  if (typeof strategy !== 'object' || strategy === null || !('Fixed' in strategy)) return undefined
  return typeof strategy.Fixed === 'number' && strategy.Fixed > 0 ? Math.floor(strategy.Fixed) : undefined
}

function notOne(path: string, what: string, cause?: unknown): LetheError {
  return new LetheError(
    'data-format',
    `"${path}" is no tokenizer that Lethe can use: ${what.replace(/\.$/, '')}. Save it with save_pretrained of a fast tokenizer.`,
    { path },
    { cause },
  )
}
