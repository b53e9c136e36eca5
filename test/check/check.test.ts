import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkGradients } from '../../src/check/check.js'
import { derivativeAtZero } from '../../src/check/derivative.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import type { Graph } from '../../src/graph/graph.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { readModel } from '../../src/onnx/model.js'
import type { Tensor } from '../../src/tensor/tensor.js'
import { smallExamples } from '../small-examples.js'
import { mlpGraph, numbers } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

describe('a derivative from differences', () => {
  it.each([
    ['sin', Math.sin, 1],
    ['exp', (x: number) => Math.exp(3 * x), 3],
    ['a wave shorter than the first step', (x: number) => Math.sin(8 * x), 8],
  ])('of %s is right to five digits', async (_, f, expected) => {
    const value = await derivativeAtZero(async (x) => f(x), 0.5)
    expect(value / expected).toBeCloseTo(1, 5)
  })
})

describe('the gradients of a network', () => {
  it('pass where they are right, parameter by parameter', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const check = await checkGradients(network, pool, smallExamples(8))
    expect(check.parameters.map((p) => p.name)).toEqual(network.parameters.map((p) => p.name))
    expect(check.isRight).toBe(true)
    expect(Math.max(...check.parameters.map((p) => p.perExample))).toBeLessThan(1e-5)
  })
  it('pass for a convolutional network with kinks', async () => {
    const bytes = readFileSync(join(import.meta.dirname, '../fixtures/models/mobile.torchscript.onnx'))
    const network = await openNetwork(readModel(bytes).graph, engineOf(pool))
    const input = network.inputs[0]!
    const size = input.dims.reduce((a, b) => a * b, 1)
    const all = numbers(6 * size, 5)
    const check = await checkGradients(network, pool, {
      size: 6,
      labels: Int32Array.from([0, 1, 2, 3, 4, 0]),
      id: String,
      load: async (rows) => {
        const data = new Float32Array(rows.length * size)
        for (const [i, row] of rows.entries()) data.set(all.subarray(row * size, (row + 1) * size), i * size)
        return { [input.name]: { dtype: 'float32', dims: [rows.length, ...input.dims], data } }
      },
    })
    expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
  })
  it('fail where they belong to other weights, and the wrong ones are named', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const other = await openNetwork(tilted(mlpGraph(), network.parameters[0]!.name), engineOf(pool))
    const mixed: Network = { ...network, at: (batch) => other.at(batch) }
    const check = await checkGradients(mixed, pool, smallExamples(8))
    expect(check.isRight).toBe(false)
    expect(check.parameters.filter((p) => p.numeric > 0.1).length).toBeGreaterThan(0)
  })
})

/** The graph with one weight tensor changed by about a third. */
function tilted(graph: Graph, name: string): Graph {
  const t = graph.initializers.get(name)!
  const data = (t.data as Float32Array).map((w, i) => w * (i % 2 === 0 ? 1.3 : 0.7))
  return { ...graph, initializers: new Map([...graph.initializers, [name, { ...t, data } as Tensor]]) }
}
