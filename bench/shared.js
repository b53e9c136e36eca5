// @ts-check
// What the benchmarks share: where real data and models lie, and how results are written.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const shared = resolve(root, '..', 'shared')

/** Normalisation of the CIFAR-10 models beside the repository. */
export const preprocessing = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

/** @param {string} name */
export function sharedModel(name) {
  const path = join(shared, 'models', `${name}.onnx`)
  if (existsSync(path)) return path
  throw new Error(`This benchmark needs ${path}, which is not here.`)
}

/** Folder with CIFAR-10 in its binary layout, unpacked once. */
export function cifar10Folder() {
  const target = join(root, 'node_modules', '.cache', 'lethe', 'cifar10')
  if (existsSync(join(target, 'test_batch.bin'))) return target
  const script = join(shared, 'data', 'unpack-cifar10.mjs')
  if (!existsSync(script)) throw new Error('This benchmark needs CIFAR-10 in ../shared/data, which is not here.')
  const temporary = `${target}.${process.pid}`
  mkdirSync(temporary, { recursive: true })
  execFileSync(process.execPath, [script, temporary], { cwd: root, stdio: 'ignore' })
  rmSync(target, { recursive: true, force: true })
  renameSync(temporary, target)
  return target
}

/**
 * A network of bench/importance.js and examples for it as files, made with PyTorch where they are missing.
 * @param {string} name @param {number} examples @returns {[onnx: string, npz: string]}
 */
export function networkFiles(name, examples) {
  const cache = join(root, 'node_modules', '.cache', 'lethe', 'bench')
  mkdirSync(cache, { recursive: true })
  /** @type {[string, string]} */
  const files = [join(cache, `${name}.onnx`), join(cache, `${name}.npz`)]
  if (files.every((file) => existsSync(file))) return files
  const script = join(root, 'bench', 'contenders', 'models.py')
  const made = spawnSync('python3', [script, name, ...files, String(examples)], { encoding: 'utf8' })
  if (made.status !== 0)
    throw new Error(`The networks are made with PyTorch (torch, onnx, numpy), which failed: ${made.stderr}`)
  return files
}

/** What a figure depends on beside the code. */
export function environment() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).toString().trim(),
    date: new Date().toISOString().slice(0, 10),
  }
}

/** @param {string} name May have folders. @param {unknown} value @param {string} markdown */
export function writeResult(name, value, markdown) {
  const path = join(root, 'bench', 'results', name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.json`, `${JSON.stringify(value, null, 2)}\n`)
  writeFileSync(`${path}.md`, markdown)
}

/** A processor's name as that of a folder: what is fast differs from one to another, so results of several are kept side by side. @param {string} cpu */
export function processorFolder(cpu) {
  const words =
    cpu
      .toLowerCase()
      .replace(/\((r|tm)\)/g, '')
      .match(/[a-z0-9.]+/g) ?? []
  return words.filter((word) => word !== 'processor').join('-') || 'unknown'
}

/**
 * A pool whose sessions are made once for each graph and kept until `close`: passes are then what a long one is. `spent` tells seconds that went into making
 * them and into telling graphs apart.
 * @param {import('../dist/engine/engine.js').Pool} threads
 */
export function keepingSessions(threads) {
  const spent = { making: 0, hashing: 0 }
  /** @type {Map<string, import('../dist/engine/engine.js').PooledSession>} */
  const sessions = new Map()
  /** @type {import('../dist/engine/engine.js').Pool} */
  const pool = {
    ...threads,
    async createSession(model, options) {
      const begin = performance.now()
      const key = createHash('sha256').update(model).digest('hex')
      spent.hashing += (performance.now() - begin) / 1000
      const session = sessions.get(key) ?? (await threads.createSession(model, options))
      if (!sessions.has(key)) spent.making += (performance.now() - begin) / 1000
      sessions.set(key, session)
      return { ...session, async release() {} }
    },
  }
  return {
    pool,
    spent,
    async close() {
      for (const session of sessions.values()) await session.release()
      await threads.close()
    },
  }
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/**
 * Runs a verb of the built command with --json, as a user would.
 * @param {readonly string[]} args
 * @returns {{ status: number, seconds: number, json: any, stderr: string }}
 */
export function lethe(args) {
  const begin = performance.now()
  const result = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const seconds = (performance.now() - begin) / 1000
  const { status, stdout, stderr } = result
  return { status: status ?? -1, seconds, json: stdout ? JSON.parse(stdout) : undefined, stderr }
}

/**
 * The same, where success is expected.
 * @param {readonly string[]} args
 */
export function mustRun(args) {
  const result = lethe(args)
  if (result.status === 0) return result
  throw new Error(`lethe ${args.join(' ')}\n${result.stderr}`)
}

/** Flags of a public CIFAR-10 model and its training data. @param {string} name */
export function onCifar(name) {
  const { mean, std } = preprocessing
  const of = ['--mean', mean.join(','), '--std', std.join(',')]
  return ['-m', sharedModel(name), '-d', cifar10Folder(), ...of]
}

/** @param {number} share */
export function percent(share) {
  return `${(share * 100).toFixed(2)} %`
}

/** Difference of two shares in points, with its sign. @param {number} share */
export function points(share) {
  return `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(2)}`
}
