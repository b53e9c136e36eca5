import { LetheError } from '../errors.js'

/** Bytes as a page has them: in memory, a chosen file, or an address to fetch (the only thing Lethe ever fetches by itself). */
export type Bytes = Uint8Array | ArrayBuffer | Blob | URL | string

/** All bytes. Throws `not-found`, `unreadable` for an address that answers with neither the file nor its absence. */
export async function readBytes(source: Bytes): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source
  if (source instanceof ArrayBuffer) return new Uint8Array(source)
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer())
  const address = String(source)
  const response = await fetch(address).catch((cause: unknown) => {
    throw new LetheError('unreadable', `"${address}" cannot be fetched.`, { address }, { cause })
  })
  if (response.ok) return new Uint8Array(await response.arrayBuffer())
  const code = response.status === 404 || response.status === 410 ? 'not-found' : 'unreadable'
  throw new LetheError(code, `"${address}" cannot be fetched: the server answers ${response.status}.`, {
    address,
    status: response.status,
  })
}

/** SHA-256 of bytes, or of a text's UTF-8 bytes, as 64 lower-case hex digits. Throws `usage` outside a secure context. */
export async function sha256Of(content: Uint8Array | string): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new LetheError('usage', 'The page has no SHA-256: serve it from https or from localhost.')
  }
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  // Memory that is shared between threads cannot be hashed; a copy can.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', own))
  return Array.from(digest, (b) => b.toString(16).padStart(2, '0')).join('')
}
