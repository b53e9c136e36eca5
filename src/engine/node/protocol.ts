import type { Chunk, SessionOptions, Tensors } from '../engine.js'

/** What the pool asks of a worker; every request is answered once, by its id. */
export type Request =
  | {
      readonly id: number
      readonly kind: 'create'
      readonly session: number
      readonly model: Uint8Array
      readonly options: SessionOptions
    }
  | { readonly id: number; readonly kind: 'hold'; readonly session: number; readonly feeds: Tensors }
  | { readonly id: number; readonly kind: 'run'; readonly session: number; readonly chunk: Chunk }
  | { readonly id: number; readonly kind: 'release'; readonly session: number }

export type Reply =
  | { readonly id: number; readonly value: unknown; readonly error?: undefined }
  | { readonly id: number; readonly error: string }
