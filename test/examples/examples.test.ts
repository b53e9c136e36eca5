import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { readModel, writeGraph } from '../../src/onnx/model.js'
import { toNumbers } from '../../src/tensor/tensor.js'
import { mlpGraph } from '../small-graphs.js'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'lethe-examples-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Lines that an example prints. Anything on stderr fails: a newcomer must not meet a warning. */
async function run(example: string, ...args: string[]): Promise<string[]> {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run npm run build before these tests')
  const path = join('examples', example)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path, ...args], { cwd: root })
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

describe('inspect-model.js', () => {
  it('finds its own small model ready', async () => {
    const lines = await run('inspect-model.js')
    expect(lines[0]).toBe('ready 97938 weights, 2 classes')
    expect(lines).toContain('  Conv × 4: differentiable')
    expect(lines.filter((line) => /refused|rule-missing/.test(line))).toEqual([])
  })

  it('takes a model of PyTorch', async () => {
    const [first, second] = await run('inspect-model.js', 'test/fixtures/models/cnn.torchscript.onnx')
    expect(first).toMatch(/^ready \d+ weights, \d+ classes$/)
    expect(second).toMatch(/^\d+ parameters, \d+ buffers$/)
  })

  it('says of a model that is not taken which operator is in the way', async () => {
    const path = join(folder, 'hard.onnx')
    const graph = mlpGraph()
    const nodes = graph.nodes.map((node) => (node.op === 'Relu' ? { ...node, op: 'Hardmax' } : node))
    writeFileSync(path, writeGraph({ ...graph, nodes }))
    const lines = await run('inspect-model.js', path)
    expect(lines[0]).toMatch(/^not ready/)
    expect(lines).toContain('  Hardmax × 1: refused')
    expect(lines.at(-1)).toMatch(/^ {2}rule-missing: Node "node_a" needs the gradient of Hardmax/)
  })
})

describe('importances-of-your-own-data.js', () => {
  it('prints an importance above zero for every parameter, the same in every run', async () => {
    const lines = await run('importances-of-your-own-data.js')
    expect(lines[0]).toBe('10 examples; mean importance of a weight in each parameter:')
    const rows = lines.slice(1).map((line) => line.split(' '))
    expect(rows.map(([name]) => name)).toEqual(
      expect.arrayContaining(['blocks.0.conv.weight', 'blocks.0.bn.bias', 'head.weight', 'head.bias']),
    )
    for (const [, value] of rows) expect(Number(value)).toBeGreaterThan(0)
    expect(await run('importances-of-your-own-data.js')).toEqual(lines)
  })
})

describe('forget-class.js', () => {
  it('forgets a class and writes both models, which differ in weights alone', async () => {
    const lines = await run('forget-class.js', folder)
    const [, before, after] = /: ([\d.]+) % before, ([\d.]+) % after$/.exec(lines[0]!) ?? []
    expect(Number(before)).toBeGreaterThan(80)
    expect(Number(after)).toBeLessThanOrEqual(2)
    expect(lines[1]).toMatch(/^verdict: forgotten\. The model no longer recognises class 0/)
    expect(lines[2]).toBe(`models: ${folder}`)
    const [model, forgotten] = ['model.onnx', 'forgotten.onnx'].map(
      (name) => readModel(readFileSync(join(folder, name))).graph,
    )
    expect(forgotten!.nodes).toEqual(model!.nodes)
    const changed = [...model!.initializers].filter(
      ([name, t]) => `${toNumbers(t)}` !== `${toNumbers(forgotten!.initializers.get(name)!)}`,
    )
    expect(changed.length).toBeGreaterThan(0)
  })
})
