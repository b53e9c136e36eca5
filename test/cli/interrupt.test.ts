import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writeGraph } from '../../src/onnx/model.js'
import { mlpGraph } from '../small-graphs.js'
import { clusters, type Ended, folderOfFile, good, lethe, writeNpz } from './command.js'

const folder = folderOfFile()

/** The command, told to stop once the first records are done. */
function interrupted(args: readonly string[]): Promise<Ended> {
  let isSent = false
  return lethe(folder, args, (stderr, child) => {
    if (isSent || !/\nimportance {2}[1-9]/.test(stderr)) return
    isSent = true
    child.kill('SIGINT')
  })
}

it('Ctrl-C on importance keeps a checkpoint, and the same command ends with the bytes of a run left alone', async () => {
  // 938 units of 128 examples, nearly all of them still to do when the first one is told.
  writeFileSync(join(folder, 'mlp.onnx'), writeGraph(mlpGraph()))
  writeNpz(join(folder, 'data.npz'), clusters(120_000, 4, 1))
  const args = (out: string): string[] => ['importance', '-m', 'mlp.onnx', '-d', 'data.npz', '-o', out]
  const stopped = await interrupted(args('stopped'))
  expect({ code: stopped.code, stdout: stopped.stdout }).toEqual({ code: 1, stdout: '' })
  expect(stopped.stderr.trimEnd().split('\n').slice(-3)).toEqual([
    '',
    'Stopping after the work under way; press Ctrl-C again to stop at once.',
    'lethe: cancelled: Stopped. Run the same command again to go on where it stopped.',
  ])
  expect(existsSync(join(folder, 'stopped'))).toBe(false)
  // What is kept: a line of the checkpoint, a line of the partial sums, the sums.
  const kept = readFileSync(join(folder, 'stopped.part'), 'latin1').split('\n', 2)
  const { next } = JSON.parse(kept[1]!) as { next: number }
  expect(next).toBeGreaterThan(0)

  // A result that cannot be written costs nothing either.
  mkdirSync(join(folder, 'stopped'))
  const unwritten = await lethe(folder, args('stopped'))
  expect(unwritten.code).toBe(1)
  expect(unwritten.stderr).toMatch(/^lethe: unwritable: "stopped" cannot be written: a folder is in its place/m)
  rmdirSync(join(folder, 'stopped'))

  const resumed = await lethe(folder, args('stopped'))
  expect(resumed.code).toBe(0)
  expect(resumed.stderr).toContain(`\nimportance  ${(next * 128).toLocaleString('en-US')} / 120,000 examples\n`)
  expect(existsSync(join(folder, 'stopped.part'))).toBe(false)

  await good(folder, args('alone'))
  expect(readFileSync(join(folder, 'stopped')).equals(readFileSync(join(folder, 'alone')))).toBe(true)
})

it('grouped importances go on with the same groups alone', async () => {
  writeFileSync(join(folder, 'mlp.onnx'), writeGraph(mlpGraph()))
  const { x, y } = clusters(60_000, 4, 1)
  const people = (shift: number): string =>
    `id,person\n${Array.from({ length: 60_000 }, (_, i) => `${i},p${(i + shift) % 3}\n`).join('')}`
  writeNpz(join(folder, 'grouped.npz'), { x, y })
  writeFileSync(join(folder, 'people.csv'), people(0))
  writeFileSync(join(folder, 'others.csv'), people(1))
  const args = (attributes: string, ...more: string[]): string[] => [
    ...['importance', '-m', 'mlp.onnx', '-d', 'grouped.npz', '-o', 'grouped', '--attributes', attributes],
    ...['--estimator', 'grouped', '--group-size', '32', ...more],
  ]
  const stopped = await interrupted(args('people.csv', '--group-by', 'person'))
  expect(stopped.stderr).toMatch(/\nlethe: cancelled: /)
  expect(existsSync(join(folder, 'grouped.part'))).toBe(true)
  for (const other of [args('people.csv'), args('others.csv', '--group-by', 'person')]) {
    const { code, stderr } = await lethe(folder, other)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^lethe: checkpoint-mismatch: "grouped\.part" belongs to another piece of work/m)
  }
  await good(folder, args('people.csv', '--group-by', 'person'))
  expect(existsSync(join(folder, 'grouped.part'))).toBe(false)
})
