/** Buffers that are used again: what is made for every batch and handed to a worker would otherwise wait for the garbage collector, up to 64 MB a thread. */
export interface Memory {
  /** A buffer of so many bytes, with whatever stands in it; new where none was given back. */
  take(bytes: number): ArrayBuffer
  /** Takes buffers back. Those of a size that was never taken are left to the garbage collector. */
  give(buffers: Iterable<ArrayBuffer>): void
}

/** Memory without any buffers. */
export function createMemory(): Memory {
  const spare = new Map<number, ArrayBuffer[]>()
  const of = (bytes: number): ArrayBuffer[] => {
    const list = spare.get(bytes) ?? []
    spare.set(bytes, list)
    return list
  }
  return {
    take: (bytes) => of(bytes).pop() ?? new ArrayBuffer(bytes),
    give(buffers) {
      for (const buffer of buffers) spare.get(buffer.byteLength)?.push(buffer)
    },
  }
}
