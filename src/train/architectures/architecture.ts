import type { Graph } from '../../graph/graph.js'
import type { Random } from './builder.js'

/** What a network is built for: shape of one example and number of classes. */
export interface NetworkShape {
  /** [C, H, W] for images, [F] for features. */
  readonly dims: readonly number[]
  readonly classes: number
}

/** An architecture that `lethe train` can build as an ONNX graph. */
export interface Architecture {
  readonly name: string
  readonly summary: string
  /** Throws `usage` where the shape of the examples does not suit it. */
  readonly build: (shape: NetworkShape, random: Random) => Graph
}
