import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page as Tab } from 'playwright-core'
import { expect } from 'vitest'
import type { WebPoolOptions } from '../../src/engine/web/pool.js'
import { readModel } from '../../src/onnx/model.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'
import { toNumbers } from '../../src/tensor/tensor.js'
import type { Done, Shape, Wish } from './work.js'

const folder = join(import.meta.dirname, '../fixtures/models')

/** A fixture model with the shape of the examples that it is given. */
export function row(file: string, size: number): { file: string; bytes: Uint8Array; shape: Shape } {
  const bytes = new Uint8Array(readFileSync(join(folder, file)))
  const { graph } = readModel(bytes)
  const dims = graph.inputs[0]!.dims.slice(1).map(Number)
  return { file, bytes, shape: { dims, classes: Number(graph.outputs[0]!.dims.at(-1)), size } }
}

/** Numbers of tensors by name. */
export type Numbers = ReadonlyMap<string, readonly number[]>

/** Work in a page, its bytes made of their text again. */
export async function inPage(
  page: Tab,
  file: string,
  shape: Shape,
  options: WebPoolOptions,
  wish?: Wish,
): Promise<Done> {
  const args = [`/files/models/${file}`, shape, options, wish] as const
  const { store, forgotten, sentence } = await page.evaluate(([a, s, o, e]) => globalThis.lethe.work(a, s, o, e), args)
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
  return { store: bytes(store), forgotten: bytes(forgotten), sentence }
}

/** Largest difference of two sets of tensors, each as a share of its tensor's largest entry. */
export function distance(a: Numbers, b: Numbers, matters?: (name: string, i: number) => boolean): number {
  expect([...a.keys()]).toEqual([...b.keys()])
  let worst = 0
  for (const [name, values] of a) {
    const other = b.get(name)!
    const scale = other.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-30)
    expect(values.length).toBe(other.length)
    for (let i = 0; i < values.length; i++) {
      if (matters?.(name, i) ?? true) worst = Math.max(worst, Math.abs(values[i]! - other[i]!) / scale)
    }
  }
  return worst
}

/**
 * Weights whose importance is more than a share of the largest of their tensor. Below 1e-7 it is the rounding of float32 and
 * belongs to nobody: the gradient of the key biases of attention is 0 in truth, because softmax does not see them.
 */
export function largerThan(importances: Numbers, share: number): (name: string, i: number) => boolean {
  const most = new Map([...importances].map(([name, s]) => [name, s.reduce((a, b) => Math.max(a, b), 0)]))
  return (name, i) => (importances.get(name)?.[i] ?? Number.POSITIVE_INFINITY) > share * (most.get(name) ?? 0)
}

/** Importance sums of a store, by parameter. */
export const sums = (store: Uint8Array): Map<string, number[]> =>
  new Map([...readSafetensors(store).tensors].map(([name, t]) => [name, toNumbers(t)]))
/** Weights of a model file. */
export const weights = (model: Uint8Array): Map<string, number[]> =>
  new Map([...readModel(model).graph.initializers].map(([name, t]) => [name, toNumbers(t)]))
