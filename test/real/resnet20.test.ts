import { afterAll, describe, expect, it } from 'vitest'
import { openDataset } from '../../src/data/open-node.js'
import { createPool } from '../../src/engine/node/pool.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import type { Importance } from '../../src/importance/importance.js'
import { pick } from '../../src/network/examples.js'
import { openForward } from '../../src/network/forward.js'
import { toFloat32 } from '../../src/tensor/tensor.js'
import { scoreOf } from '../../src/unlearn/forget.js'
import { openWorkspace, type Workspace } from '../../src/workspace/workspace-node.js'
import { cifar10Folder, sharedModel, withoutShared } from '../shared.js'

const preprocessing = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
const forms = ['resnet20-cifar10', 'resnet20-cifar10-dynamo', 'resnet20-cifar10-folded'] as const
const folder = cifar10Folder()
const isThere = folder !== undefined && forms.every((f) => sharedModel(`${f}.onnx`) !== undefined)
const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

async function open(form: string): Promise<Workspace> {
  const data = await openDataset(folder!, { split: 'test' })
  return openWorkspace({ model: sharedModel(`${form}.onnx`)!, data, preprocessing, pool })
}

describe.skipIf(!isThere)(
  `a public ResNet-20 on CIFAR-10 in three forms${isThere ? '' : ` (${withoutShared})`}`,
  () => {
    it.each(forms)('%s answers 91.73 percent of the test set right', async (form) => {
      const workspace = await open(form)
      const examples = workspace.examples(await openDataset(folder!, { split: 'test' }))
      const forward = await openForward(workspace.network, pool)
      expect(scoreOf(await forward.run(examples), examples).score.accuracy).toBeCloseTo(0.9173, 6)
      await forward.release()
    })

    it('exact importances of the same images agree where parameters correspond', async () => {
      const [kept, dynamo, folded] = await Promise.all(
        forms.map(async (form) => {
          const workspace = await open(form)
          const examples = pick(workspace.examples(await openDataset(folder!, { split: 'test' })), [
            ...Array(48).keys(),
          ])
          return { workspace, importance: await estimateImportance(workspace.network, pool, examples) }
        }),
      )
      const fc = (i: Importance): Float64Array =>
        i.sums.get([...i.sums.keys()].find((n) => /(linear|fc)\.weight$/.test(n))!)!
      expect(worst(fc(dynamo!.importance), fc(kept!.importance))).toBeLessThan(1e-4)
      expect(worst(fc(folded!.importance), fc(kept!.importance))).toBeLessThan(1e-4)
      // The two folded forms hold the same convolutions under other names, in the same order.
      const convolutions = (i: Importance): Float64Array[] =>
        [...i.sums].filter(([n]) => i.dims.get(n)!.length === 4).map(([, s]) => s)
      const [a, b] = [convolutions(dynamo!.importance), convolutions(folded!.importance)]
      expect(a.length).toBe(19)
      // Compared by size and sum, because the exporters order initializers differently.
      const key = (s: Float64Array): number => s.reduce((x, y) => x + y, 0)
      const sorted = (all: Float64Array[]): number[] => all.map(key).sort((x, y) => x - y)
      for (const [i, s] of sorted(a).entries()) expect(s / sorted(b)[i]!).toBeCloseTo(1, 3)
      // Folding scales the kernel of output channel o by γ/√(σ² + ε): w' = f·w, so S(w) = f²·S(w').
      const { graph } = kept!.workspace.network
      const values = (name: string): Float32Array => toFloat32(graph.initializers.get(name)!)
      const bn = graph.nodes.find((n) => n.op === 'BatchNormalization')!
      const conv = graph.nodes.find((n) => n.op === 'Conv')!
      const [gamma, variance] = [values(bn.inputs[1]!), values(bn.inputs[4]!)]
      const plain = kept!.importance.sums.get(conv.inputs[1]!)!
      const first = folded!.importance.sums.get(
        folded!.workspace.network.graph.nodes.find((n) => n.op === 'Conv')!.inputs[1]!,
      )!
      const scaled = first.map((s, i) => s * (gamma[Math.floor(i / 27)]! ** 2 / (variance[Math.floor(i / 27)]! + 1e-5)))
      expect(worst(scaled, plain)).toBeLessThan(1e-3)
    })
  },
)

/** Largest difference over the largest entry. */
function worst(a: Float64Array, b: Float64Array): number {
  const scale = b.reduce((m, v) => Math.max(m, v), 0)
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0) / scale
}
