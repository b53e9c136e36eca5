import type { ErrorCode } from '../errors.js'
import type { Chunk, SessionOptions, Tensors } from './engine.js'

/** What a pool asks of a worker; every request is answered once, by its id, in the order of asking. */
export type Request = { readonly id: number } & Ask

/** A request without its number. */
export type Ask =
  | { readonly kind: 'start'; readonly settings: unknown }
  | {
      readonly kind: 'create'
      readonly session: number
      readonly model: Uint8Array
      readonly options: SessionOptions
    }
  | { readonly kind: 'hold'; readonly session: number; readonly feeds: Tensors }
  | { readonly kind: 'run'; readonly session: number; readonly chunk: Chunk }
  | { readonly kind: 'release'; readonly session: number }

export type Reply =
  | { readonly id: number; readonly value: unknown; readonly error?: undefined }
  /** `code` where the worker knows it; else the sentence is the runtime's own. */
  | { readonly id: number; readonly error: string; readonly code?: ErrorCode }
