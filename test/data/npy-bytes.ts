import { type TensorData, toBytes } from '../../src/tensor/tensor.js'

/** Bytes of a `.npy` file of version 1. */
export function npyBytes(descr: string, shape: readonly number[], data: TensorData, fortranOrder = false): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const order = fortranOrder ? 'True' : 'False'
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${dims}), }`
  const padded = `${text.padEnd(117)}\n`
  const bytes = new Uint8Array(10 + padded.length + data.byteLength)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8])
  bytes.set(new TextEncoder().encode(padded), 10)
  bytes.set(toBytes(data), 10 + padded.length)
  return bytes
}
