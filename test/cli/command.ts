import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll } from 'vitest'
import { type Graph, int } from '../../src/graph/graph.js'
import type { TensorData } from '../../src/tensor/tensor.js'
import { npyBytes } from '../data/npy-bytes.js'
import { f32, numbers } from '../small-graphs.js'

const main = resolve(import.meta.dirname, '../../dist/cli/main.js')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What the built command does with these arguments in a folder; `watch` sees stderr as it comes. Its environment is this process's unless one is given. */
export function lethe(
  folder: string,
  args: readonly string[],
  watch?: (stderr: string, child: ChildProcess) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  if (!existsSync(main)) throw new Error('dist/cli/main.js is missing: run npm run build before these tests')
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    watch?.(stderr, child)
  })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => done({ code, stdout, stderr }))
  })
}

/** Stdout of a command that must end well. */
export async function good(folder: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lethe(folder, args)
  if (code !== 0) throw new Error(`lethe ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

/** New folder for the tests of a file, removed after the last of them. */
export function folderOfFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

type Column<D extends TensorData = TensorData> = readonly [descr: string, shape: readonly number[], data: D]

/** Writes an `.npz` archive of named arrays. */
export function writeNpz(path: string, arrays: Readonly<Record<string, Column>>): void {
  const files = Object.entries(arrays).map(([name, column]) => [`${name}.npy`, npyBytes(...column)] as const)
  writeFileSync(path, zipSync(Object.fromEntries(files), { level: 0 }))
}

export const labels = (values: readonly number[]): Column<Int32Array> => [
  '<i4',
  [values.length],
  Int32Array.from(values),
]

export const floats = (rows: number, width: number, data: Float32Array): Column<Float32Array> => [
  '<f4',
  [rows, width],
  data,
]

/** Records [rows, 6] with class n mod `classes`: around a corner of their own for each class, so that they can be told apart. */
export function clusters(
  rows: number,
  classes: number,
  seed: number,
): { x: Column<Float32Array>; y: Column<Int32Array> } {
  const x = numbers(rows * 6, seed).map((v, i) => v * 0.5 + (i % 6 === Math.floor(i / 6) % classes ? 2 : 0))
  return { x: floats(rows, 6, x), y: labels(Array.from({ length: rows }, (_, i) => i % classes)) }
}

/** Convolution over pictures: x [N, 3, 8, 8] → logits [N, 4]. */
export function convGraph(): Graph {
  const node = (
    op: string,
    inputs: string[],
    output: string,
    attributes: Graph['nodes'][number]['attributes'] = {},
  ) => ({
    op,
    domain: '',
    name: `node_${output}`,
    inputs,
    outputs: [output],
    attributes,
  })
  return {
    name: 'conv',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 3, 8, 8] }],
    outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 4] }],
    initializers: new Map([
      ['conv.weight', f32([4, 3, 3, 3], 2)],
      ['conv.bias', f32([4], 3)],
    ]),
    nodes: [
      node('Conv', ['x', 'conv.weight', 'conv.bias'], 'maps'),
      node('GlobalAveragePool', ['maps'], 'means'),
      node('Flatten', ['means'], 'logits', { axis: int(1) }),
    ],
  }
}
