import type { Pool } from '../../src/engine/engine.js'
import { arrayDataset, openLethe, openModel, type WebPoolOptions, writeStore } from '../../src/web.js'
import { f32 } from '../small-graphs.js'

/** Shape of one example, classes, and the number of examples. */
export interface Shape {
  readonly dims: readonly number[]
  readonly classes: number
  readonly size: number
}

/** Estimator of the importances, and whether to forget with them. */
export interface Wish {
  readonly estimator?: string
  readonly forget?: boolean
}

/** A pool that is there, or how to make one. */
export type Where = { readonly pool: Pool } | WebPoolOptions

/** What a piece of work gave, as it can be sent from a page. */
export interface Done {
  readonly store: Uint8Array
  readonly forgotten: Uint8Array
  readonly sentence: string
}

/**
 * Importances of fixed examples under a model, and the model that has forgotten class 0 at α = λ = 1 (where the dampening factor has no
 * jump, so that rounding moves no weight far). The same in Node and in a page, whatever the pool.
 */
export async function work(model: Uint8Array, shape: Shape, where: Where, wish: Wish = {}): Promise<Done> {
  const { estimator = 'exact', forget = true } = wish
  const { dims, classes, size } = shape
  const { graph } = (await openModel(model)).model
  const data = arrayDataset({
    labels: Array.from({ length: size }, (_, i) => i % classes),
    inputs: { [graph.inputs[0]!.name]: f32([size, ...dims], 7) },
  })
  const lethe = await openLethe({ model, data, ...where })
  const store = await lethe.importance({ settings: { estimator } })
  if (!forget) {
    await lethe.close()
    return { store: writeStore(store), forgotten: new Uint8Array(), sentence: '' }
  }
  const { bytes, verdict } = await lethe.forget(store, 'class=0', { strength: { kind: 'alpha', alpha: 1, lambda: 1 } })
  await lethe.close()
  return { store: writeStore(store), forgotten: bytes, sentence: verdict.sentence }
}
