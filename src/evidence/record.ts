import { z } from 'zod'
import { LetheError } from '../errors.js'
import { canonicalJson } from './canonical-json.js'

/** Version of the record's form; a reader refuses a higher one. */
export const recordVersion = 1

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
const count = z.int().nonnegative()

/** A file that went in or came out. The name has no folders, so that records compare between machines. */
const file = z.strictObject({ name: z.string(), sizeBytes: count, sha256 })

/** A set of records: how many, and the SHA-256 of its ids (`idsText`), and of its content where that was read. */
const recordSet = z.strictObject({
  name: z.string().optional(),
  count,
  idsSha256: sha256,
  contentSha256: sha256.optional(),
  /** How the set was chosen, as given: ["class=3"]. */
  selectors: z.array(z.string()).optional(),
})

const verdict = z.strictObject({
  state: z.enum(['forgotten', 'partly forgotten', 'not forgotten']),
  rule: z.string(),
  sentence: z.string(),
  reasons: z.array(z.string()),
  limits: z.array(z.string()),
  advice: z.array(z.string()),
})

const strength = z.strictObject({
  method: z.string(),
  /** Fixed by the user, or found by the search. */
  chosen: z.enum(['fixed', 'found']),
  alpha: z.number().nonnegative().optional(),
  lambda: z.number().nonnegative().optional(),
  /** Threshold τ on the forget share. */
  share: z.number().nonnegative().optional(),
  /** Parameters selected, and of how many. */
  selected: count.optional(),
  parameters: count.optional(),
  floor: z.enum(['kept', 'broken', 'not checked']).optional(),
})

const record = z.strictObject({
  kind: z.literal('lethe-record'),
  version: z.literal(recordVersion),
  /** Version of Lethe. */
  lethe: z.string(),
  /** When the run ended, UTC. */
  when: z.iso.datetime(),
  command: z.string(),
  settings: z.record(z.string(), z.json()),
  inputs: z.strictObject({
    model: file,
    store: file.optional(),
    data: recordSet.optional(),
    probe: recordSet.optional(),
    forget: recordSet.optional(),
  }),
  outputs: z.record(z.string(), file),
  strength: strength.optional(),
  /** Numbers of the evaluation, by name. */
  evaluation: z.json().optional(),
  verdict: verdict.optional(),
  /** Versions by name: node, onnxruntime-node … */
  software: z.record(z.string(), z.string()),
  platform: z.strictObject({ os: z.string(), arch: z.string(), cpu: z.string(), cores: count }),
})

/** The record of one run: everything that went in and came out, with digests, settings, numbers and verdict. */
export type RunRecord = z.infer<typeof record>
export type FileEntry = z.infer<typeof file>
export type RecordSetEntry = z.infer<typeof recordSet>

/** A record of checked form; `kind` and `version` are added. Throws `internal` where a field is missing or wrong. */
export function makeRecord(fields: Omit<RunRecord, 'kind' | 'version'>): RunRecord {
  const parsed = record.safeParse({ kind: 'lethe-record', version: recordVersion, ...fields })
  if (parsed.success) return parsed.data
  throw new LetheError('internal', `The record of this run is not valid: ${firstIssue(parsed.error)}.`)
}

/** Text of a record, the same for equal records: sorted keys, two spaces, a final line break. Throws `value-not-finite`. */
export function recordText(value: RunRecord): string {
  return `${canonicalJson(value, 2)}\n`
}

/** Record of a text. Throws `data-format` where it is no record, or one of another version. */
export function parseRecord(text: string): RunRecord {
  const parsed = record.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new LetheError(
    'data-format',
    `This is not a record of Lethe (version ${recordVersion}): ${firstIssue(parsed.error)}.`,
  )
}

/** Text that stands for a set of ids whatever their order, for hashing: the sorted ids as canonical JSON. */
export function idsText(ids: Iterable<string>): string {
  return canonicalJson([...ids].sort())
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LetheError('data-format', 'This is not a record of Lethe: it is not JSON.', {}, { cause })
  }
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  return issue ? `${issue.path.join('.') || 'the whole'}: ${issue.message}` : error.message
}
