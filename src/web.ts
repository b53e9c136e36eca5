/**
 * Lethe in a page: `lethe/web`. The same work as in Node, on onnxruntime-web in Web Workers.
 *
 * The short way is `openLethe` (a model with its data). Nothing here uses Node; nothing is fetched but the addresses that the page gives
 * and the runtime's own WebAssembly file.
 */

export { type Arrays, arrayDataset } from './browser/array-dataset.js'
export { type Bytes, readBytes } from './browser/bytes.js'
export {
  type Forget,
  openLethe,
  type WebEvaluation,
  type WebForgotten,
  type WebLethe,
  type WebLetheOptions,
  type WebRequestOptions,
} from './browser/lethe.js'
export { openModel } from './browser/model.js'
export { npzDataset } from './browser/npz.js'
export type { Dataset, Example } from './data/dataset.js'
export { drawPeople } from './data/people/people.js'
export { parseSelector, type Selector, select } from './data/select.js'
export { complement, subset } from './data/split.js'
export type { Engine, Pool, Session, Tensors } from './engine/engine.js'
export { engineOf } from './engine/engine-of.js'
export type { Progress, WorkOptions } from './engine/in-order.js'
export { createWebPool, type WebPoolOptions } from './engine/web/pool.js'
export { type ErrorCode, errorCodes, isLetheError, LetheError } from './errors.js'
export { type ModelFacts, measureModel } from './evaluate/facts.js'
export { type Verdict, verdict } from './evaluate/verdict/verdict.js'
export type { Graph } from './graph/graph.js'
export { type EstimateOptions, estimateImportance } from './importance/estimate.js'
export { type Importance, importanceOf } from './importance/importance.js'
export { readStore, type Store, writeStore } from './importance/store.js'
export type { Examples } from './network/examples.js'
export { type Forward, openForward, type Scores } from './network/forward.js'
export { type Inspection, inspect } from './network/inspect.js'
export { type Network, openNetwork } from './network/network.js'
export { type Model, readModel, writeGraph, writeModel } from './onnx/model.js'
export type { DataType, Tensor } from './tensor/tensor.js'
export { type TrainOptions, train } from './train/train.js'
export { dampen, dampeningFactor, type Strength } from './unlearn/dampen.js'
export { type ForgetRequest, type Plan, planForgetting, type StrengthChoice } from './unlearn/forget.js'
export { forgetShares, type Shares } from './unlearn/shares.js'
export { version } from './version.js'
