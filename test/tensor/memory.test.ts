import { describe, expect, it } from 'vitest'
import { createMemory } from '../../src/tensor/memory.js'
import { allocateIn } from '../../src/tensor/tensor.js'

describe('memory', () => {
  it('gives a buffer of the size again, once', () => {
    const memory = createMemory()
    const first = memory.take(8)
    memory.give([first])
    expect([memory.take(4) === first, memory.take(8) === first, memory.take(8) === first]).toEqual([false, true, false])
  })

  it('does not keep buffers of sizes that nobody takes', () => {
    const memory = createMemory()
    const stray = new ArrayBuffer(16)
    memory.give([stray])
    expect(memory.take(16)).not.toBe(stray)
  })

  it('is what arrays are made in, with what stands there', () => {
    const memory = createMemory()
    const used = memory.take(8)
    new Float32Array(used).set([3, 4])
    memory.give([used])
    expect(allocateIn('float32', 2, memory)).toEqual(Float32Array.of(3, 4))
  })
})
