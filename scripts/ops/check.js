// @ts-check
// Checks one node test of the onnx package: the forward values that Lethe's rewritten graph gives, and the gradients by every
// floating-point input against differences of the function itself.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { feedsOf, movedFrom, tolerance, withInputs, worstError } from './difference.js'
import { numbers } from './numbers.js'
import { natures, states, structural } from './operators.js'

/**
 * @typedef {object} NodeTest one entry of index.json, which export.py wrote
 * @property {string} name
 * @property {string} op
 * @property {string} domain
 * @property {boolean} expands the operator's own function body, as the package writes it out
 * @property {number} opset
 * @property {(number | null)[]} places position at which the operator reads each input of the model
 * @property {string[]} inputTypes element types, or the kind of what is no tensor
 * @property {string[]} outputTypes
 * @property {number} rtol
 * @property {number} atol
 *
 * @typedef {'passes' | 'refused' | 'runtime' | 'WRONG' | 'nature'} State `runtime`: the runtime cannot run the test at all
 * @typedef {object} Outcome
 * @property {string} name
 * @property {string} op
 * @property {State} state
 * @property {boolean} [moved] the data lay on a kink or a tie and was moved a little
 * @property {number} [worst] largest relative error of a directional derivative
 * @property {string} [code]
 * @property {string} [why]
 *
 * @typedef {import('../../src/tensor/tensor.js').Tensor} Tensor
 * @typedef {import('../../src/graph/graph.js').Graph} Graph
 * @typedef {import('../../src/graph/graph.js').Node} Node
 * @typedef {import('../../src/engine/engine.js').Engine} Engine
 *
 * @typedef {object} Lethe the functions of the library
 * @property {typeof import('../../src/onnx/model.js').readModel} readModel
 * @property {typeof import('../../src/onnx/model.js').writeGraph} writeGraph
 * @property {typeof import('../../src/onnx/tensor-proto.js').readTensor} readTensor
 * @property {typeof import('../../src/onnx/schema/onnx_pb.js').TensorProtoSchema} TensorProtoSchema
 * @property {typeof import('../../src/lower/rewrite.js').rewrite} rewrite
 * @property {typeof import('../../src/lower/lower.js').lower} lower
 * @property {typeof import('../../src/graph/float32.js').inFloat32} inFloat32
 * @property {typeof import('../../src/trace/trace.js').trace} trace
 * @property {typeof import('../../src/trace/trace.js').specialise} specialise
 * @property {typeof import('../../src/autodiff/backward.js').backward} backward
 * @property {typeof import('../../src/autodiff/backward.js').activeValues} activeValues
 * @property {typeof import('../../src/graph/emitter.js').Emitter} Emitter
 * @property {typeof import('../../src/check/derivative.js').derivativeAtZero} derivativeAtZero
 * @property {typeof import('../../src/errors.js').isLetheError} isLetheError
 */

/** The newest operator set that the runtime knows; a test written in a later one is run in this one. */
export const newestOpset = 26

/** Places beside the data that are tried: a place may lie on the next kink, or outside of where the function is defined. */
const attempts = 6

const floats = new Set(['float32', 'float64', 'float16', 'bfloat16'])
const onnxFloats = new Set(['float', 'double', 'float16', 'bfloat16'])
/** Types of quantised numbers and of what is no number at all. */
const others = /^(float8|float4|float6|u?int4|u?int2|string|complex|sequence|optional)/

/**
 * @param {Lethe} lethe @param {Engine} engine @param {string} folder @param {NodeTest} test
 * @returns {Promise<Outcome>}
 */
export async function check(lethe, engine, folder, test) {
  const { name, op } = test
  const why = natures.get(op) ?? (/^test_training_/.test(name) ? 'training mode' : typesNature(test))
  if (why) return { name, op, state: 'nature', why }
  try {
    const found = await compare(lethe, engine, folder, test)
    return { name, op, ...found }
  } catch (error) {
    if (lethe.isLetheError(error) && error.code !== 'internal') {
      const { graph, values } = read(lethe, folder, test)
      const state = (await ownResult(lethe, engine, graph, values)) ? 'refused' : 'runtime'
      return { name, op, state, code: error.code, why: error.message }
    }
    return { name, op, state: 'WRONG', why: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

/** Why a test has nothing to differentiate, by its types alone. @param {NodeTest} test */
function typesNature({ inputTypes, outputTypes }) {
  const other = [...inputTypes, ...outputTypes].find((t) => others.test(t))
  if (other) return /^(sequence|optional)/.test(other) ? 'no tensors' : `element type ${other}`
  if (!inputTypes.some((t) => onnxFloats.has(t))) return 'no floating-point input'
  if (!outputTypes.some((t) => onnxFloats.has(t))) return 'no floating-point output'
  return undefined
}

/**
 * What the runtime makes of the test as it is, in float32; undefined where it cannot run it.
 * @param {Lethe} lethe @param {Engine} engine @param {Graph} source @param {readonly Tensor[]} values
 */
async function ownResult(lethe, engine, source, values) {
  try {
    const before = source.inputs.map(({ name }, i) => constantNode(name, /** @type {Tensor} */ (values[i])))
    const nodes = [...before, ...source.nodes]
    const outputs = source.outputs.map(({ name }) => ({ name, dtype: undefined, dims: [] }))
    const graph = lethe.inFloat32({ ...inKnownOpset(source), inputs: [], outputs, nodes })
    const session = await engine.createSession(lethe.writeGraph(graph), { optimise: 'none' })
    try {
      return await session.run({})
    } finally {
      await session.release()
    }
  } catch {
    return undefined
  }
}

/** Model, inputs and expected outputs. @param {Lethe} lethe @param {string} folder @param {NodeTest} test */
function read(lethe, folder, test) {
  const tensor = (/** @type {string} */ file) => {
    const bytes = readFileSync(join(folder, test.name, 'test_data_set_0', file))
    return lethe.readTensor(fromBinary(lethe.TensorProtoSchema, bytes))
  }
  const { graph } = lethe.readModel(readFileSync(join(folder, test.name, 'model.onnx')))
  return {
    graph,
    values: graph.inputs.map((_, i) => tensor(`input_${i}.pb`)),
    expected: graph.outputs.map((_, i) => tensor(`output_${i}.pb`)),
  }
}

/** @param {Graph} graph @returns {Graph} */
function inKnownOpset(graph) {
  const opset = Math.min(graph.opsets.get('') ?? newestOpset, newestOpset)
  return { ...graph, opsets: new Map([...graph.opsets, ['', opset]]) }
}

/**
 * @param {Lethe} lethe @param {Engine} engine @param {string} folder @param {NodeTest} test
 * @returns {Promise<Omit<Outcome, 'name' | 'op'>>}
 */
async function compare(lethe, engine, folder, test) {
  const { graph: source, values, expected } = read(lethe, folder, test)
  /** @type {(i: number) => boolean} */
  const isVaried = (i) => {
    const t = values[i]
    const place = test.places[i]
    return (
      t !== undefined &&
      floats.has(t.dtype) &&
      t.data.length > 0 &&
      !(typeof place === 'number' && structural[test.op]?.includes(place))
    )
  }
  const s = await opened(lethe, engine, source, values, isVaried)
  const names = source.inputs.filter((_, i) => isVaried(i)).map((v) => v.name)
  // What only gives its shape is no parameter any more.
  const inputs = names.flatMap((n) => {
    const t = s.graph.initializers.get(n)
    return t ? [{ name: n, value: Float32Array.from(t.data, Number), dims: t.dims }] : []
  })
  const session = await engine.createSession(lethe.writeGraph(withInputs(s.graph, inputs)), { optimise: 'none' })
  try {
    const away = differing(await session.run(feedsOf(inputs)), source, expected, test)
    if (away) {
      const own = await ownResult(lethe, engine, source, values)
      const isOwn = own !== undefined && differing(own, source, expected, test) !== undefined
      return { state: isOwn ? 'runtime' : 'WRONG', why: `${isOwn ? 'of the runtime itself: ' : ''}${away}` }
    }
    if (inputs.length === 0) return { state: 'nature', why: 'no floating-point input with numbers in it' }
    const read = source.outputs.flatMap(({ name }, i) => (states[test.op]?.includes(i) ? [] : [name]))
    const first = await worstError(lethe, engine, session, s, inputs, read)
    if (first === undefined) return { state: 'nature', why: 'no number to differentiate by' }
    if (first.worst <= tolerance) return { state: 'passes', worst: first.worst }
    for (let seed = 0; seed < attempts; seed++) {
      const moved = await worstError(lethe, engine, session, s, movedFrom(inputs, seed), read)
      if (moved && moved.worst <= tolerance) return { state: 'passes', worst: moved.worst, moved: true }
    }
    if (!first.isFinite) {
      // Lethe stops at such a gradient; it is never taken for a number.
      return { state: 'refused', code: 'value-not-finite', why: `the gradient by "${first.input}" is not a number` }
    }
    return {
      state: 'WRONG',
      worst: first.worst,
      why: `the gradient by "${first.input}" is off by ${first.worst.toExponential(1)}`,
    }
  } finally {
    await session.release()
  }
}

/** @param {string} message @returns {never} */
function fail(message) {
  throw new Error(message)
}

/**
 * The model with what varies as parameters and everything else as constants, written in operators that have rules. A parameter needs
 * an axis: a single number is given as a list of one.
 * @param {Lethe} lethe @param {Engine} engine @param {Graph} source @param {readonly Tensor[]} values @param {(i: number) => boolean} isVaried
 */
async function opened(lethe, engine, source, values, isVaried) {
  const initializers = new Map(source.initializers)
  /** @type {Node[]} */
  const before = []
  source.inputs.forEach(({ name }, i) => {
    const value = values[i] ?? fail(`No value for "${name}".`)
    if (!isVaried(i)) before.push(constantNode(name, value))
    else initializers.set(name, value)
  })
  const scalars = new Map()
  for (const [i, { name }] of source.inputs.entries()) {
    const value = values[i]
    if (!isVaried(i) || !value || value.dims.length > 0) continue
    initializers.set(name, { ...value, dims: [1] })
    const shape = { dtype: /** @type {const} */ ('int64'), dims: [0], data: new BigInt64Array(0) }
    initializers.set(`${name}/no-axes`, shape)
    before.push(node('Reshape', [name, `${name}/no-axes`], `${name}/number`, {}))
    scalars.set(name, `${name}/number`)
  }
  const plain = lethe.inFloat32(
    lethe.rewrite({
      ...inKnownOpset(source),
      inputs: [],
      outputs: source.outputs.map(({ name }) => ({ name, dtype: undefined, dims: [] })),
      initializers,
      nodes: [...before, ...source.nodes.map((n) => ({ ...n, inputs: n.inputs.map((v) => scalars.get(v) ?? v) }))],
    }),
  )
  let graph = plain
  while (true) {
    const traced = await lethe.trace(graph, engine, {}, { mixing: 'allow' })
    const next = await lethe.lower(traced, engine)
    if (next === graph) return lethe.specialise(traced, engine, 1)
    graph = next
  }
}

/** @param {string} op @param {readonly string[]} inputs @param {string} output @param {Node['attributes']} attributes @returns {Node} */
function node(op, inputs, output, attributes) {
  return { op, domain: '', name: `${output}/${op}`, inputs, outputs: [output], attributes }
}

/** @param {string} name @param {Tensor} value */
const constantNode = (name, value) => node('Constant', [], name, { value: { kind: 'tensor', value } })

/**
 * What differs from the expected outputs, by the test's own tolerances; half-precision tests are held to the rounding of their type.
 * @param {Record<string, Tensor>} outputs @param {Graph} source @param {readonly Tensor[]} expected @param {NodeTest} test
 */
function differing(outputs, source, expected, test) {
  for (const [i, { name }] of source.outputs.entries()) {
    const [got, want] = [outputs[name], expected[i]]
    if (!got || !want) return `output "${name}" is missing`
    if (got.data.length !== want.data.length || got.dims.join() !== want.dims.join()) {
      return `output "${name}" has shape [${got.dims}], expected [${want.dims}]`
    }
    const [a, b] = [numbers(got), numbers(want)]
    const types = [...test.inputTypes, ...test.outputTypes]
    const isHalf = types.includes('float16') || types.includes('bfloat16')
    const share = isHalf ? (types.includes('bfloat16') ? 2e-2 : 4e-3) : test.rtol
    const floor = Math.max(
      test.atol,
      b.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0) * (isHalf ? share : 1e-6),
    )
    const at = a.findIndex((v, k) => {
      const w = /** @type {number} */ (b[k])
      return !(Object.is(v, w) || v === w || Math.abs(v - w) <= floor + share * Math.abs(w))
    })
    if (at >= 0) return `output "${name}" has ${a[at]} at ${at}, expected ${b[at]}`
  }
  return undefined
}
