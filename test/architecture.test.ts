import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readers } from '../src/data/readers/index.js'
import { transforms } from '../src/data/transforms/index.js'
import { attacks } from '../src/evaluate/attacks/index.js'
import { metrics } from '../src/evaluate/metrics/index.js'
import { estimators } from '../src/importance/estimators/index.js'
import { lowerings } from '../src/lower/expansions/index.js'
import { architectures } from '../src/train/architectures/index.js'
import { optimisers } from '../src/train/optimisers/index.js'
import { schedules } from '../src/train/schedule.js'

/** Rooms (folders of src, and its single files) by floor, the lowest first. A file imports from its own room and from floors below. */
const floors = [
  ['errors.ts', 'version.ts'],
  ['tensor', 'files'],
  ['graph', 'engine', 'data', 'safetensors'],
  ['autodiff', 'onnx', 'weights'],
  ['trace', 'fisher'],
  ['lower'],
  ['network'],
  ['importance', 'train', 'evaluate'],
  ['unlearn', 'check'],
  ['evidence', 'report'],
  ['workspace'],
  ['demo', 'lethe-node.ts', 'browser'],
  ['index.ts', 'web.ts'],
  ['cli'],
] as const

/** Where a package may be imported; a package that is not here may be imported nowhere. */
const packages: Readonly<Record<string, RegExp>> = {
  'onnxruntime-node': /^engine\/node\//,
  'onnxruntime-common': /^engine\/(node\/|serve\.js$)/,
  'onnxruntime-web': /^engine\/web\//,
  sharp: /^(data|report)\/.*-node\.ts$/,
  '@bufbuild/protobuf': /^onnx\//,
  commander: /^cli\//,
  zod: /^(data\/(config-node|records\/options|readers\/csv-node|tokenizer\/(form|tokenizer)|transforms\/(preprocessing|preprocessor-config))|evidence\/record)\.ts$/,
  'csv-parse': /^data\/readers\/csv-node\.ts$/,
  hyparquet: /^data\/readers\/parquet\.ts$/,
  'hyparquet-compressors': /^data\/readers\/parquet\.ts$/,
  '@huggingface/tokenizers': /^data\/tokenizer\/tokenizer\.ts$/,
}
/** Files that may use Node itself; all others run in a browser, too. */
const nodeFiles = /^(cli|engine\/node)\/|-node\.ts$/

const root = join(import.meta.dirname, '..')
const generated = 'onnx/schema/'
const lineLimit = 400

interface Source {
  /** Path below src. */
  readonly path: string
  readonly text: string
  /** The text without comments and without what stands in quotes. */
  readonly code: string
}

const comment = String.raw`\/\*[\s\S]*?\*\/|(?<![:\\])\/\/.*`
const quoted = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\`(?:\\.|[^\`\\])*\``

const sources: readonly Source[] = filesIn('src', /\.(ts|js)$/).map((path) => {
  const text = read(join('src', path))
  const code = text.replace(new RegExp(`${quoted}|${comment}`, 'g'), (match) => (/^['"`]/.test(match) ? "''" : ''))
  return { path, text, code }
})
const written = sources.filter(({ path }) => !path.startsWith(generated))
const tests = filesIn('test', /\.test\.ts$/).filter((path) => path !== 'architecture.test.ts')
const testText = tests.map((path) => read(join('test', path))).join('\n')

function filesIn(folder: string, name: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => posix.relative(join(root, folder), join(entry.parentPath, entry.name)))
    .sort()
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

const roomOf = (path: string): string => path.split('/')[0]!
const floorOf = (room: string): number => floors.findIndex((rooms) => (rooms as readonly string[]).includes(room))

/** What a file imports, types too: `./x.js` as written, packages by name. */
function importsOf({ text }: Source): string[] {
  return [...text.matchAll(/\b(?:from|import(?:\s*\()?)\s*'([^'\s]+)'/g)].map((match) => match[1]!)
}

/** Files below src that a file imports. */
function neighboursOf(source: Source): string[] {
  return importsOf(source)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(dirname(source.path), specifier))
    .map((path) => (existsSync(join(root, 'src', path)) ? path : path.replace(/\.js$/, '.ts')))
}

/** Lines of the files at which a pattern is found in the code, as `path: match`. */
function found(pattern: RegExp): string[] {
  return written.flatMap(({ path, code }) => [...code.matchAll(pattern)].map((match) => `${path}: ${match[0].trim()}`))
}

describe('rooms', () => {
  it('each have a floor, and each floor has rooms', () => {
    const rooms = new Set(sources.map(({ path }) => roomOf(path)))
    expect([...rooms].sort()).toEqual(floors.flat().sort())
  })

  it('import from themselves and from floors below, never from their own floor or above', () => {
    const wrong = sources.flatMap((source) =>
      neighboursOf(source)
        .filter((to) => roomOf(to) !== roomOf(source.path) && floorOf(roomOf(to)) >= floorOf(roomOf(source.path)))
        .map((to) => `${source.path} → ${to}`),
    )
    expect(wrong).toEqual([])
  })

  it('import files that are there', () => {
    const paths = new Set(sources.map(({ path }) => path))
    const missing = sources.flatMap((source) =>
      neighboursOf(source)
        .filter((to) => !paths.has(to))
        .map((to) => `${source.path} → ${to}`),
    )
    expect(missing).toEqual([])
  })

  it('have no circle of imports', () => {
    expect(circle(new Map(sources.map((source) => [source.path, neighboursOf(source)])))).toEqual([])
  })
})

/** The first circle among files, as a path that ends where it began; empty where there is none. */
function circle(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const walk = (path: string, way: readonly string[]): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return []
    for (const next of edges.get(path) ?? []) {
      const closed = walk(next, [...way, path])
      if (closed.length > 0) return closed
    }
    done.add(path)
    return []
  }
  for (const path of edges.keys()) {
    const closed = walk(path, [])
    if (closed.length > 0) return closed
  }
  return []
}

describe('packages', () => {
  const outside = sources.flatMap((source) =>
    importsOf(source)
      .filter((specifier) => !specifier.startsWith('.'))
      .map((specifier) => ({ path: source.path, specifier })),
  )
  const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:') || builtinModules.includes(specifier)
  const packageOf = (specifier: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0]

  it('of Node are for *-node.ts, engine/node and the command line, as are its globals', () => {
    const imports = outside
      .filter(({ path, specifier }) => isBuiltin(specifier) && !nodeFiles.test(path))
      .map(({ path, specifier }) => `${path}: ${specifier}`)
    const globals = found(/(?<![.\w])(process|Buffer|require|__dirname)\b(?=[.([])/g)
    expect([...imports, ...globals.filter((line) => !nodeFiles.test(line.split(': ')[0]!))]).toEqual([])
  })

  it('from elsewhere are imported in the rooms that are theirs', () => {
    const wrong = outside
      .filter(({ specifier }) => !isBuiltin(specifier))
      .filter(({ path, specifier }) => packages[packageOf(specifier)]?.test(path) !== true)
    expect(wrong.map(({ path, specifier }) => `${path}: ${specifier}`)).toEqual([])
  })
})

describe('the code', () => {
  it.each([
    ['default exports', /\bexport default\b|\bas default\b/g],
    ['enums and namespaces', /^\s*(?:export |declare |const )*(?:enum|namespace|module) \w+/gm],
    ['any as a type', /(?:(?:\bas|[:<,|&=(])\s*|\bextends )any\b/g],
  ])('has no %s', (_, pattern) => {
    expect(found(pattern)).toEqual([])
  })

  it('has no file beyond 400 lines', () => {
    const long = written.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    expect(long.filter(({ lines }) => lines > lineLimit)).toEqual([])
  })

  it('has no drawer for odds and ends', () => {
    expect(sources.map(({ path }) => path).filter((path) => /utils?|helpers?|misc|common|manager/i.test(path))).toEqual(
      [],
    )
  })
})

describe('closed tables', () => {
  const names = (entries: readonly { readonly name: string }[]): string[] => entries.map(({ name }) => name)

  // Rules have a test of their own, test/autodiff/rules.test.ts: a row for each.
  it.each([
    ['estimator', 'importance', names(estimators)],
    ['architecture', 'train', names(architectures)],
    ['optimiser', 'train', names(optimisers)],
    ['schedule', 'train', Object.keys(schedules)],
    ['reader', 'data', names(readers)],
    ['transform', 'data', names(transforms)],
    ['metric', 'evaluate', names(metrics)],
    ['attack', 'evaluate', names(attacks)],
    ['expansion', 'lower', lowerings.map(({ op }) => op)],
  ])('a test names every %s, or bears its name: test/%s', (_, room, entries) => {
    const paths = tests.filter((path) => path.startsWith(`${room}/`))
    const text = paths.map((path) => read(join('test', path))).join('\n')
    const isTested = (name: string): boolean =>
      paths.some((path) => basename(path) === `${name}.test.ts`) ||
      new RegExp(`['"\`]${name}['"\`]|(?<![\\w'"-])${name}: `).test(text)
    expect(entries.length).toBeGreaterThan(0)
    expect(entries.filter((name) => !isTested(name))).toEqual([])
  })

  it('a test uses every fixture', () => {
    const row = z.object({ file: z.string(), reference: z.string() })
    const rowsOf = (folder: string, rows: readonly z.infer<typeof row>[]): string[] =>
      rows.flatMap(({ file, reference }) => [`${folder}/${file}`, `${folder}/${reference}`])
    const index = (folder: string): unknown => JSON.parse(read(`test/fixtures/${folder}/index.json`))
    const listed = new Set([
      ...rowsOf('models', z.array(row).parse(index('models'))),
      ...rowsOf('tokens', z.array(row).parse(index('tokens'))),
      ...rowsOf('zoo', z.object({ models: z.array(row) }).parse(index('zoo')).models),
    ])
    const isNamed = (path: string): boolean => {
      const [folder, stem] = [dirname(path), basename(path).replace(/\.\w+$/, '')]
      // By its file name, or by its stem in a row of a table that the path is made of.
      const isMade = readTests().includes(`fixtures/${folder}/\${`) && testText.includes(`'${stem}'`)
      return readTests().includes(basename(path)) || isMade
    }
    const fixtures = filesIn('test/fixtures', /./)
    expect(fixtures.length).toBeGreaterThan(0)
    expect(fixtures.filter((path) => !listed.has(path) && !isNamed(path))).toEqual([])
    expect([...listed].filter((path) => !fixtures.includes(path))).toEqual([])
  })

  it('a test runs every example', () => {
    const running = filesIn('test/examples', /\.test\.ts$/).map((path) => read(join('test/examples', path)))
    const examples = filesIn('examples', /./)
    expect(examples.length).toBeGreaterThan(0)
    expect(examples.filter((path) => !running.join('\n').includes(path))).toEqual([])
  })

  it.each(['index.ts', 'web.ts'])('a docstring stands at every export of the package: %s', (file) => {
    const exports = [...read(`src/${file}`).matchAll(/^export (?:type )?\{([^}]*)\} from '\.\/(.+)\.js'$/gm)]
    const named = exports.flatMap(([, list, path]) =>
      list!
        .split(',')
        .map((part) => part.trim().replace(/^type /, ''))
        .filter((name) => name !== '')
        .map((name) => ({ path: `${path}.ts`, name })),
    )
    expect(named.length).toBeGreaterThan(exports.length)
    expect(named.filter(({ path, name }) => !hasDocstring(read(join('src', path)), name))).toEqual([])
  })
})

/** Everything under test, with what tests share. */
function readTests(): string {
  return filesIn('test', /\.ts$/)
    .filter((path) => path !== 'architecture.test.ts')
    .map((path) => read(join('test', path)))
    .join('\n')
}

function hasDocstring(text: string, name: string): boolean {
  const kinds = '(?:async )?(?:function|const|class|interface|type)'
  const declaration = new RegExp(`^export ${kinds} ${name}\\b`, 'm').exec(text)
  return declaration !== null && /\*\/\s*$/.test(text.slice(0, declaration.index))
}
