import { type Attributes, float, type Graph, int, ints, type Node } from '../../graph/graph.js'
import { sizeOf, type Tensor } from '../../tensor/tensor.js'

/** Uniform numbers in [0, 1), from a seed. */
export type Random = () => number

/**
 * Builds a network with a free batch axis, layer by layer. Names follow PyTorch's (`layer1.0.conv1.weight`); weights start
 * as PyTorch's modules start theirs, from the given randomness.
 */
export class NetworkBuilder {
  readonly #nodes: Node[] = []
  readonly #initializers = new Map<string, Tensor>()
  #count = 0

  constructor(readonly random: Random) {}

  op(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = `/${op}_${this.#count++}`
    this.#nodes.push({ op, domain: '', name: output, inputs, outputs: [output], attributes })
    return output
  }

  float(name: string, dims: readonly number[], value: (i: number) => number): string {
    this.#initializers.set(name, {
      dtype: 'float32',
      dims,
      data: Float32Array.from({ length: sizeOf(dims) }, (_, i) => value(i)),
    })
    return name
  }

  int64(values: readonly number[]): string {
    const name = `/shape_${values.join('_')}`
    this.#initializers.set(name, { dtype: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) })
    return name
  }

  /** U(−b, b) with b = √(gain / fanIn). */
  uniform(name: string, dims: readonly number[], fanIn: number, gain = 1): string {
    const bound = Math.sqrt(gain / fanIn)
    return this.float(name, dims, () => (2 * this.random() - 1) * bound)
  }

  /** N(0, std²). */
  normal(name: string, dims: readonly number[], std: number): string {
    return this.float(
      name,
      dims,
      () => std * Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random()),
    )
  }

  /** Convolution without bias, Kaiming-normal weights over the fan-out (He et al.). */
  conv(
    x: string,
    name: string,
    [from, to]: readonly [number, number],
    kernel: number,
    stride = 1,
    pad = (kernel - 1) / 2,
  ): string {
    const w = this.normal(`${name}.weight`, [to, from, kernel, kernel], Math.sqrt(2 / (to * kernel * kernel)))
    return this.op('Conv', [x, w], {
      kernel_shape: ints([kernel, kernel]),
      strides: ints([stride, stride]),
      pads: ints([pad, pad, pad, pad]),
    })
  }

  batchNorm(x: string, name: string, channels: number): string {
    const inputs = [
      this.float(`${name}.weight`, [channels], () => 1),
      this.float(`${name}.bias`, [channels], () => 0),
      this.float(`${name}.running_mean`, [channels], () => 0),
      this.float(`${name}.running_var`, [channels], () => 1),
    ]
    return this.op('BatchNormalization', [x, ...inputs], { epsilon: float(1e-5), momentum: float(0.9) })
  }

  relu(x: string): string {
    return this.op('Relu', [x])
  }

  add(a: string, b: string): string {
    return this.op('Add', [a, b])
  }

  /** Linear layer on rows [N, from]. */
  linear(x: string, name: string, [from, to]: readonly [number, number]): string {
    const w = this.uniform(`${name}.weight`, [to, from], from)
    const b = this.uniform(`${name}.bias`, [to], from)
    return this.op('Gemm', [x, w, b], { transB: int(1) })
  }

  /** Linear layer on tokens [N, T, from]. */
  tokens(x: string, name: string, [from, to]: readonly [number, number]): string {
    const w = this.normal(`${name}.weight`, [from, to], 0.02)
    const b = this.float(`${name}.bias`, [to], () => 0)
    return this.add(this.op('MatMul', [x, w]), b)
  }

  layerNorm(x: string, name: string, size: number): string {
    const w = this.float(`${name}.weight`, [size], () => 1)
    const b = this.float(`${name}.bias`, [size], () => 0)
    return this.op('LayerNormalization', [x, w, b], { axis: int(-1), epsilon: float(1e-6) })
  }

  /** The finished graph: one input, one output of class scores. */
  finish(input: { name: string; dims: readonly number[] }, scores: string, classes: number): Graph {
    const nodes = [...this.#nodes]
    nodes.push({ op: 'Identity', domain: '', name: '/logits', inputs: [scores], outputs: ['logits'], attributes: {} })
    return {
      name: 'lethe',
      opsets: new Map([['', 20]]),
      inputs: [{ name: input.name, dtype: 'float32', dims: ['batch', ...input.dims] }],
      outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', classes] }],
      initializers: this.#initializers,
      nodes,
    }
  }
}
