import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { addAttributes } from '../data/attributes-node.js'
import { readConfig } from '../data/config-node.js'
import type { Dataset } from '../data/dataset.js'
import { type OpenOptions, openDataset } from '../data/open-node.js'
import type { Split } from '../data/readers/reader.js'
import type { RecordOptions } from '../data/records/options.js'
import type { Selector } from '../data/select.js'
import { readSelectors } from '../data/select-node.js'
import { type Preprocessing, preprocessingSchema } from '../data/transforms/preprocessing.js'
import { preprocessingOf as hubPreprocessing } from '../data/transforms/preprocessor-config.js'
import { type Device, devices } from '../engine/node/pool.js'
import { isLetheError, LetheError } from '../errors.js'
import { readFileBytes } from '../files/read-node.js'
import { checkWritable } from '../files/writable-node.js'
import { type LossName, lossNames } from '../fisher/loss.js'
import { readStore, type Store } from '../importance/store.js'
import type { StrengthChoice } from '../unlearn/forget.js'
import { modelForm } from '../workspace/model-node.js'
import type { ForgetOptions } from '../workspace/request.js'
import { openWorkspace, type Workspace } from '../workspace/workspace-node.js'
import type { Terminal } from './terminal.js'

export type Options = Readonly<Record<string, unknown>>

/** Options of a verb with those of lethe.json behind them: flags win. */
export interface Settings {
  readonly model: string | undefined
  readonly data: string | undefined
  readonly test: string | undefined
  readonly probe: string | undefined
  readonly format: string | undefined
  readonly split: Split | undefined
  readonly output: string | undefined
  readonly loss: LossName | undefined
  readonly device: Device | undefined
  readonly workers: number | undefined
  readonly preprocessing: Preprocessing | undefined
  /** Array of the data by model input, where the names differ. */
  readonly inputs: Readonly<Record<string, string>> | undefined
  /** CSV of further attributes. */
  readonly attributes: string | undefined
  /** How texts and tables are read. */
  readonly records: RecordOptions
}

/** Settings of a command line. Throws `config-invalid`, `usage`. */
export async function settingsOf(options: Options): Promise<Settings> {
  const path = text(options.config) ?? (existsSync('lethe.json') ? 'lethe.json' : undefined)
  const config = path ? await readConfig(path) : {}
  const hub = text(options.preprocessing)
  const base = hub ? hubPreprocessing(await readJson(hub)) : config.preprocessing
  const side = typeof options.resize === 'number' ? { resize: { width: options.resize, height: options.resize } } : {}
  const flags = {
    ...side,
    ...(options.mean !== undefined && { mean: options.mean }),
    ...(options.std !== undefined && { std: options.std }),
  }
  const preprocessing = preprocessingSchema.safeParse({ ...base, ...flags })
  if (!preprocessing.success)
    throw new LetheError('usage', `The preprocessing does not fit together: ${preprocessing.error.issues[0]?.message}.`)
  return {
    model: text(options.model) ?? config.model,
    data: text(options.data) ?? config.data,
    test: text(options.test) ?? config.test,
    probe: text(options.probe),
    format: text(options.format) ?? config.format,
    split: splitOf(text(options.split)) ?? config.split,
    output: text(options.output) ?? config.output,
    loss: lossNamed(text(options.loss)) ?? config.loss,
    device: devices.find((name) => name === options.device),
    workers: typeof options.workers === 'number' ? options.workers : undefined,
    preprocessing: base || Object.keys(flags).length > 0 ? preprocessing.data : undefined,
    inputs: arraysOf(config.inputs),
    attributes: text(options.attributes) ?? config.attributes,
    records: {
      columns: config.columns,
      inputs: config.inputs,
      tokenizer: text(options.tokenizer) ?? config.tokenizer,
      maxLength: typeof options.maxLength === 'number' ? options.maxLength : config.maxLength,
    },
  }
}

/** The inputs that one array or column fills: lists of columns are the readers' business. */
function arraysOf(inputs: RecordOptions['inputs']): Settings['inputs'] {
  if (!inputs) return undefined
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, source]) => (typeof source === 'string' ? [[name, source]] : [])),
  )
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(await readFileBytes(path)))
  } catch (cause) {
    if (isLetheError(cause)) throw cause
    throw new LetheError('config-invalid', `"${path}" is not JSON.`, { path }, { cause })
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function splitOf(value: string | undefined): Split | undefined {
  if (value === undefined || value === 'train' || value === 'test' || value === 'all') return value
  throw new LetheError('usage', `--split is train, test or all, got "${value}".`)
}

/** A loss of this name. Throws `store-mismatch` where it is none that this version has. */
export function lossOfStore({ facts }: Store): LossName {
  const found = lossNamed(facts.loss)
  if (found) return found
  throw new LetheError(
    'store-mismatch',
    `The store was made under the loss "${facts.loss}", which this version does not have.`,
  )
}

function lossNamed(value: string | undefined): LossName | undefined {
  return lossNames.find((name) => name === value)
}

function need(value: string | undefined, flag: string): string {
  if (value !== undefined) return value
  throw new LetheError('usage', `${flag} is missing; add it to the command or to lethe.json.`)
}

/** The data of a command: the training data, and test data where it is given or lies beside it (CIFAR, MNIST). */
export async function openData(
  settings: Settings,
): Promise<{ data: Dataset; test: Dataset | undefined; probe: Dataset | undefined }> {
  const path = need(settings.data, '--data')
  const { format, split, attributes } = settings
  const records = recordsOf(settings)
  const own = await openDataset(path, { format, split, records })
  const data = attributes ? await addAttributes(own, attributes) : own
  // Names of classes keep their numbers, also where other data has not all of them.
  const more = { format, records: { ...records, classes: data.classes } }
  const given =
    settings.test && (await openDataset(settings.test, { ...more, split: await hasSplit(settings.test, more) }))
  const test = given || (split === undefined ? await besides(path, more, data) : undefined)
  const probe = settings.probe ? await openDataset(settings.probe, more) : undefined
  // The table may be of the training data alone: what has no row in it then has no such attributes.
  const described = async (set: Dataset | undefined): Promise<Dataset | undefined> =>
    set && attributes ? addAttributes(set, attributes, { ifAny: true }) : set
  return { data, test: await described(test || undefined), probe: await described(probe) }
}

/** How texts and tables are read for the model of a command, which is looked at once, and only where it matters. */
function recordsOf({ records, model, output }: Settings): RecordOptions {
  if (model === undefined) return records
  let form: ReturnType<typeof modelForm> | undefined
  return {
    ...records,
    modelPath: model,
    model: () => {
      form ??= modelForm(model, output)
      return form
    },
  }
}

async function hasSplit(path: string, options: OpenOptions): Promise<Split | undefined> {
  return (await tryOpen(path, options)) ? 'test' : undefined
}

async function tryOpen(path: string, options: OpenOptions): Promise<Dataset | undefined> {
  try {
    return await openDataset(path, { ...options, split: 'test' })
  } catch (error) {
    if (isLetheError(error) && error.code !== 'internal') return undefined
    throw error
  }
}

/** The test part of data that comes in parts; nothing where it is the same records. */
async function besides(path: string, options: OpenOptions, data: Dataset): Promise<Dataset | undefined> {
  const test = await tryOpen(path, options)
  return test && test.id(0) !== data.id(0) ? test : undefined
}

/** Opens the model of a command on its data. */
export function openModel(
  settings: Settings,
  data: Dataset,
  preprocessing = settings.preprocessing,
): Promise<Workspace> {
  const { output, loss, device, workers, inputs } = settings
  const model = need(settings.model, '--model')
  return openWorkspace({ model, data, preprocessing, output, loss, device, workers, inputs })
}

/** The store of a command. Throws `store-format`, `not-found`, `usage`. */
export async function openStore(options: Options): Promise<{ path: string; store: Store; bytes: Uint8Array }> {
  const path = need(text(options.importance), '--importance')
  const bytes = await readFileBytes(path)
  return { path, store: readStore(bytes), bytes }
}

/** Preprocessing for a request: the store's own, which flags may repeat and must not contradict. */
export function preprocessingOf(settings: Settings, store: Store): Preprocessing {
  const stored = preprocessingSchema.parse(store.facts.preprocessing ?? {})
  const asked = settings.preprocessing
  if (asked && JSON.stringify(asked) !== JSON.stringify(stored)) {
    throw new LetheError(
      'store-mismatch',
      `The store was made with the preprocessing ${JSON.stringify(stored)}, the command says ${JSON.stringify(asked)}; leave it out to use the store's.`,
    )
  }
  return stored
}

/** Values of an option that may be repeated. */
export function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string' && v !== '') : []
}

/** Selectors of --forget. Throws `usage` where there are none and they are needed. */
export async function selectorsOf(options: Options): Promise<{ texts: readonly string[]; selectors: Selector[] }> {
  const texts = listOf(options.forget)
  if (texts.length === 0)
    throw new LetheError('usage', '--forget is missing: class=NAME, ids=FILE, ATTRIBUTE=VALUE, random=N or all.')
  const selectors = await readSelectors(texts.filter((t) => t !== 'all'))
  if (texts.includes('all') && selectors.some((s) => !s.minus))
    throw new LetheError('usage', '--forget all is everything already; leave the other selectors out.')
  return { texts, selectors }
}

/** Strength of --alpha, --share or --auto. Throws `usage` where they contradict each other. */
export function strengthOf(options: Options): StrengthChoice {
  const [alpha, share, lambda, keep] = [options.alpha, options.share, options.lambda, options.keep].map((v) =>
    typeof v === 'number' ? v : undefined,
  )
  const ways = [
    alpha !== undefined && '--alpha',
    share !== undefined && '--share',
    options.auto === true && '--auto',
  ].filter((way) => way !== false)
  if (ways.length > 1) throw new LetheError('usage', `${ways.join(' and ')} cannot be given together.`)
  const isFixed = alpha !== undefined || share !== undefined
  if (isFixed && keep !== undefined)
    throw new LetheError('usage', `--keep is what --auto searches within; leave it out with ${ways[0]}.`)
  if (!isFixed && lambda !== undefined)
    throw new LetheError('usage', '--lambda needs --alpha or --share: --auto finds λ itself.')
  if (alpha !== undefined) return { kind: 'alpha', alpha, lambda: lambda ?? 1 }
  if (share !== undefined) return { kind: 'share', share, lambda: lambda ?? 1 }
  return { kind: 'auto', ...(keep !== undefined && { keep }) }
}

/**
 * Checks, before any work, that an output can be written and is none of the files that the command reads.
 * Throws `unwritable`, `usage`.
 */
export async function checkOutput(out: string, inputs: readonly (string | undefined)[] = []): Promise<void> {
  await checkWritable(out)
  const same = inputs.find((input) => input !== undefined && isSameFile(input, out))
  if (same === undefined) return
  throw new LetheError('usage', `--out "${out}" is a file that the command reads; choose another name.`)
}

function isSameFile(a: string, b: string): boolean {
  const full = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path))
  return full(a) === full(b)
}

/** A request of `plan` or `forget`, opened: close the workspace. */
export interface OpenedRequest {
  readonly workspace: Workspace
  readonly request: ForgetOptions
  /** Selectors as written. */
  readonly texts: readonly string[]
  readonly store: { readonly path: string; readonly bytes: Uint8Array }
}

const patterns = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

/** Opens what `plan` and `forget` stand on: store, selectors, strength, data and model. */
export async function openRequest(options: Options, terminal: Terminal): Promise<OpenedRequest> {
  const settings = await settingsOf(options)
  const strength = strengthOf(options)
  const { texts, selectors } = await selectorsOf(options)
  const { path, store, bytes } = await openStore(options)
  const { data, test, probe } = await openData(settings)
  const loss = settings.loss ?? lossOfStore(store)
  // Where the configuration is not at hand any more, the store still knows which array fills which input.
  const inputs = settings.inputs ?? store.facts.inputs
  const workspace = await openModel({ ...settings, loss, inputs }, data, preprocessingOf(settings, store))
  const tell = terminal.phases()
  const request: ForgetOptions = {
    store,
    data,
    selectors,
    seed: Number(options.seed ?? 0),
    test,
    probe,
    strength,
    parameters: { only: patterns(options.only), except: patterns(options.except) },
    signal: terminal.signal,
    onProgress(phase, at) {
      tell(phase, at, phase === 'strengths' ? 'strengths' : 'examples')
      // The probes are measured next, before the first strength can be told of.
      if (phase === 'importance of the forget set' && at.done === at.total) terminal.say('measuring the probes')
    },
  }
  return { workspace, request, texts, store: { path, bytes } }
}
