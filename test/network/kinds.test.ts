import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { chooseParameters, kindsOf } from '../../src/network/kinds.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { readModel } from '../../src/onnx/model.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

function open(file: string): Promise<Network> {
  const bytes = readFileSync(join(import.meta.dirname, '../fixtures/models', file))
  return openNetwork(readModel(bytes).graph, engineOf(pool))
}

describe('kinds of parameters', () => {
  it('are read from how the graph uses them', async () => {
    const kinds = kindsOf(await open('mobile.torchscript.onnx'))
    expect(kinds.get('0.weight')).toBe('weight')
    expect(kinds.get('1.weight')).toBe('norm')
    expect(kinds.get('1.bias')).toBe('norm')
    expect([...kinds].filter(([name]) => /^1[12]\.bias$/.test(name)).map(([, kind]) => kind)).toEqual(['bias'])
  })
  it('find the biases of a transformer behind MatMul and Add', async () => {
    const kinds = kindsOf(await open('vit.dynamo-optimized.onnx'))
    expect(kinds.get('blocks.0.qkv.bias')).toBe('bias')
    expect(kinds.get('blocks.0.norm1.bias')).toBe('norm')
    expect(kinds.get('position')).toBe('weight')
  })
})

describe('a choice of parameters', () => {
  const network = open('mobile.torchscript.onnx')
  const chosen = async (choice: Parameters<typeof chooseParameters>[1]): Promise<string[]> => [
    ...chooseParameters(await network, choice),
  ]
  it('is all of them without patterns', async () => {
    expect(await chosen({})).toEqual((await network).parameters.map((p) => p.name))
  })
  it('keeps what a glob fits, and leaves out kinds', async () => {
    const names = await chosen({ only: ['3.*'], except: ['norm'] })
    expect(names.length).toBeGreaterThan(0)
    expect(names.every((n) => n.startsWith('3.'))).toBe(true)
    expect(names).not.toContain('3.layers.1.weight')
  })
  it('refuses a pattern that fits nothing, and a choice that leaves nothing', async () => {
    await expect(chosen({ only: ['layer9.*'] })).rejects.toMatchObject({ code: 'usage' })
    await expect(chosen({ only: ['0.weight'], except: ['weight'] })).rejects.toMatchObject({ code: 'usage' })
  })
  it('takes dots for dots, not for any character', async () => {
    await expect(chosen({ only: ['0xweight'] })).rejects.toMatchObject({ code: 'usage' })
  })
})
