import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Attributes, type Graph, int, type Node, text } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { tensor } from '../../src/tensor/tensor.js'
import { good } from '../cli/command.js'
import { f32, mlpGraph } from '../small-graphs.js'

const fixtures = join(import.meta.dirname, '../fixtures')
const folder = mkdtempSync(join(tmpdir(), 'lethe-inspect-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}, domain = ''): Node => ({
  op,
  domain,
  name: `node_${output}`,
  inputs,
  outputs: [output],
  attributes,
})

/** Path of a model written from a graph, or of a fixture. */
function pathOf(model: Graph | string): string {
  if (typeof model === 'string') return join(fixtures, model)
  const path = join(folder, `${model.name}.onnx`)
  writeFileSync(path, writeGraph(model))
  return path
}

const named = (name: string, graph: Graph): Graph => ({ ...graph, name })
const fixed = (batch: number): Graph => ({
  ...mlpGraph(),
  name: `fixed${batch}`,
  inputs: [{ name: 'x', dtype: 'float32', dims: [batch, 6] }],
})
const ended = (name: string, extra: Node[], more: Partial<Graph> = {}): Graph =>
  named(name, { ...mlpGraph({ extra, outputs: ['end'] }), ...more })
/** Scores less the mean of the batch: what batch norm in training mode does. */
const mixing = ended('mixing', [
  node('ReduceMean', ['logits'], 'mean', { axes: { kind: 'ints', value: [0] } }),
  node('Sub', ['logits', 'mean'], 'end'),
])
const fused = ended(
  'fused',
  [node('CDist', ['logits', 'fused.weight'], 'end', { metric: text('euclidean') }, 'com.microsoft')],
  {
    opsets: new Map([
      ['', 17],
      ['com.microsoft', 1],
    ]),
    initializers: new Map([...mlpGraph().initializers, ['fused.weight', f32([4, 4], 6)]]),
  },
)
const without = named('without', {
  ...mlpGraph(),
  initializers: new Map(),
  nodes: [node('Tanh', ['x'], 'logits')],
})

const inspection = z.object({
  model: z.string(),
  sha256: z.string().length(64),
  ready: z.boolean(),
  state: z.enum(['ready', 'ready with notes', 'not ready']),
  opset: z.number(),
  inputs: z.array(z.object({ name: z.string() })),
  outputs: z.array(z.object({ name: z.string() })),
  parameters: z.array(z.object({ name: z.string(), dims: z.array(z.number()) })),
  parameterCount: z.number(),
  buffers: z.array(z.string()),
  aliases: z.array(z.unknown()),
  untied: z.array(z.object({ name: z.string(), from: z.string() })),
  settings: z.array(z.string()),
  ops: z.array(z.object({ op: z.string(), count: z.number(), state: z.string() })),
  refused: z.array(z.object({ node: z.string(), op: z.string() })),
  exact: z.enum(['batch', 'one']).optional(),
  exactReason: z.string().optional(),
  notes: z.array(z.string()),
  problems: z.array(z.object({ code: z.string(), message: z.string(), change: z.string().optional() })),
})

interface Row {
  readonly what: string
  readonly model: Graph | string
  readonly state: string
  /** What is read in the text. */
  readonly says: readonly RegExp[]
  readonly json: object
}

const rows: readonly Row[] = [
  {
    what: 'ready',
    model: 'models/mlp.torchscript.onnx',
    state: 'ready',
    says: [/^exact {3}per-example gradients in batches$/m],
    json: { ready: true, exact: 'batch', notes: [], problems: [], refused: [] },
  },
  {
    what: 'ready, batch norm folded by the older exporter',
    model: 'models/resnet20-narrow.torchscript-folded.onnx',
    state: 'ready, with a note',
    says: [/^note: Batch norm seems folded .*optimize=False .*training=torch\.onnx\.TrainingMode\.PRESERVE/m],
    json: { ready: true, buffers: [] },
  },
  {
    what: 'ready, batch norm folded by the dynamo exporter',
    model: 'models/resnet20-narrow.dynamo-optimized.onnx',
    state: 'ready, with a note',
    says: [/^note: Batch norm seems folded/m],
    json: { ready: true },
  },
  {
    what: 'ready, equal initializers merged',
    model: 'models/merged.torchscript.onnx',
    state: 'ready, with a note',
    says: [/^note: The exporter has merged initializers that were equal; "bn2\.running_var", .* and 3 more/m],
    json: { ready: true, untied: expect.arrayContaining([{ name: 'bn2.weight', from: 'bn1.weight' }]) },
  },
  {
    what: 'ready, weights renamed and the scale of attention among them',
    model: 'models/vit.dynamo-optimized.onnx',
    state: 'ready, with 2 notes',
    says: [
      /^note: The exporter has renamed weights \("val_13", "val_70", "val_74" and 5 more\)\..*optimize=False/m,
      /^note: Numbers that the exporter wrote among the weights \("val_58": a scale/m,
    ],
    json: { ready: true, settings: ['val_58'] },
  },
  {
    what: 'ready, with a fixed batch',
    model: fixed(4),
    state: 'ready, with a note',
    says: [/^note: The batch size is fixed to 4; .*dynamic_axes or dynamic_shapes/m, /^exact {3}one example a run/m],
    json: { ready: true, exact: 'one' },
  },
  {
    what: 'ready, one example at a time, and why',
    model: 'zoo/deberta.dynamo.onnx',
    state: 'ready, with 2 notes',
    says: [/^note: Importances run one example at a time.*The batch axis of ".*" \(Tile ".*"\) is folded/m],
    json: { ready: true, exact: 'one', exactReason: expect.stringMatching(/^The batch axis of/) },
  },
  {
    what: 'not ready: several outputs',
    model: 'zoo/sklearn-mlp.skl2onnx.onnx',
    state: 'not ready',
    says: [/^problem: output-ambiguous: .*\(label, probabilities\)/m, /^change: {2}--output probabilities /m],
    json: { ready: false },
  },
  {
    what: 'not ready: not differentiable at a node',
    model: ended('hardmax', [
      node('Hardmax', ['logits'], 'hot'),
      node('Mul', ['hot', 'logits'], 'soft'),
      node('Hardmax', ['soft'], 'end'),
    ]),
    state: 'not ready',
    says: [
      /^problem: rule-missing: Node "node_end" needs the gradient of Hardmax \(opset 17\)/m,
      /^Nodes without a gradient rule \(2\):\n {2}Hardmax {2}"node_hot"\n {2}Hardmax {2}"node_end"$/m,
    ],
    json: {
      ready: false,
      refused: [
        { node: 'node_hot', op: 'Hardmax' },
        { node: 'node_end', op: 'Hardmax' },
      ],
    },
  },
  {
    what: 'not ready: fused by the runtime',
    model: fused,
    state: 'not ready',
    says: [/^problem: rule-missing: .*com\.microsoft\.CDist/m, /^change: {2}optimum-cli .*without --optimize/m],
    json: { ready: false },
  },
  {
    what: 'not ready: in training mode',
    model: mixing,
    state: 'not ready',
    says: [/^problem: mixes-examples: /m, /^change: {2}model\.eval\(\)/m],
    json: { ready: false, problems: [{ code: 'mixes-examples', change: expect.stringMatching(/^model\.eval\(\)/) }] },
  },
  {
    what: 'not ready: no weights',
    model: without,
    state: 'not ready',
    says: [/^problem: model-unsupported: No gradient of "logits" reaches a weight/m],
    json: { ready: false, parameters: [] },
  },
]

describe('lethe inspect', () => {
  it.each(rows)('$what', async ({ model, state, says, json }) => {
    const path = pathOf(model)
    const said = await good(folder, ['inspect', path])
    expect(said.split('\n')[0]).toMatch(new RegExp(` {2}opset \\d+ {2}${state}$`))
    for (const pattern of says) expect(said).toMatch(pattern)
    const parsed = inspection.parse(JSON.parse(await good(folder, ['inspect', path, '--json'])))
    expect(parsed).toMatchObject(json)
    expect(parsed.state).toBe(state.startsWith('ready,') ? 'ready with notes' : state)
    // The text says all that the JSON does of what is wrong or good to know.
    for (const told of [...parsed.notes, ...parsed.problems.flatMap((p) => [p.message, p.change ?? ''])]) {
      expect(said).toContain(told)
    }
  })

  it('tells of the weights inside LinearClassifier with what to do, once the output is chosen', async () => {
    const path = pathOf('zoo/sklearn-logistic.skl2onnx.onnx')
    const said = await good(folder, ['inspect', path, '--output', 'probabilities'])
    expect(said).toMatch(/^problem: model-unsupported: .*LinearClassifier/m)
    expect(said).toMatch(/^change: {2}write the linear model as MatMul and Add/m)
  })
})

describe('a single number among the initializers', () => {
  const scaled = (name: string, op = 'Mul', value = 0.5): Graph =>
    ended(`${op}-${name}-${value}`, [node(op, ['logits', name], 'end')], {
      initializers: new Map([...mlpGraph().initializers, [name, tensor('float32', [1], Float32Array.of(value))]]),
    })

  it.each([
    { graph: scaled('val_7'), is: 'a setting' },
    { graph: scaled('scalar_tensor_default_1', 'Div'), is: 'a setting' },
    // A name of its own, or another use: learnt.
    { graph: scaled('temperature'), is: 'a parameter' },
    { graph: scaled('val_7', 'Add'), is: 'a parameter' },
    { graph: scaled('head.val_7.scale'), is: 'a parameter' },
  ])('$graph.name is $is', async ({ graph, is }) => {
    const parsed = inspection.parse(JSON.parse(await good(folder, ['inspect', pathOf(graph), '--json'])))
    const name = [...graph.initializers.keys()].at(-1)!
    expect(parsed.problems).toEqual([])
    expect(parsed.settings.includes(name)).toBe(is === 'a setting')
    expect(parsed.parameters.map((p) => p.name).includes(name)).toBe(is === 'a parameter')
  })

  it('the scale of ones and the shift of zeros of a group norm are settings, a trained pair is not', async () => {
    const graph = (scale: number): Graph =>
      named(`norm${scale}`, {
        ...mlpGraph(),
        inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 2, 3] }],
        initializers: new Map([
          ['val_1', tensor('float32', [2], new Float32Array(2).fill(scale))],
          ['val_2', tensor('float32', [2], new Float32Array(2))],
          ['w', f32([6, 4], 1)],
        ]),
        nodes: [
          node('InstanceNormalization', ['x', 'val_1', 'val_2'], 'n'),
          node('Flatten', ['n'], 'flat', { axis: int(1) }),
          node('MatMul', ['flat', 'w'], 'logits'),
        ],
      })
    const settings = async (scale: number): Promise<string[]> =>
      inspection.parse(JSON.parse(await good(folder, ['inspect', pathOf(graph(scale)), '--json']))).settings
    expect(await settings(1)).toEqual(['val_1', 'val_2'])
    expect(await settings(1.25)).toEqual(['val_2'])
  })
})
