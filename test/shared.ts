import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const shared = resolve(root, '../shared')
const cache = join(root, 'node_modules/.cache/lethe')

/** Why a test that needs the shared folder is skipped elsewhere. */
export const withoutShared = 'needs the real models and data of ../shared, which are not here'

/** Path of a real model such as `resnet20-cifar10.onnx`, or undefined where the shared folder is absent. */
export function sharedModel(name: string): string | undefined {
  const path = join(shared, 'models', name)
  return existsSync(path) ? path : undefined
}

/**
 * Folder of CIFAR-10's binary version, or undefined where there is none: `LETHE_CIFAR10`, else unpacked once from the
 * shared folder into the cache. Several test processes may come at the same time: each unpacks beside, the first one's
 * folder takes the name.
 */
export function cifar10Folder(): string | undefined {
  if (process.env.LETHE_CIFAR10) return process.env.LETHE_CIFAR10
  const folder = join(cache, 'cifar10')
  if (existsSync(folder)) return folder
  const script = join(shared, 'data/unpack-cifar10.mjs')
  if (!existsSync(script)) return undefined
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, 'cifar10-'))
  try {
    execFileSync(process.execPath, [script, temporary], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    renameSync(temporary, folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}
