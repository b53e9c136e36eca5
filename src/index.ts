/**
 * Lethe's public surface: read a model, estimate importances, plan, forget, evaluate, train.
 *
 * The short way is `openLethe` (a model with its data, in Node). Everything it does is made of the functions below, which
 * take graphs, examples and a pool of engine workers.
 */

export type { Dataset, Example } from './data/dataset.js'
export { openDataset } from './data/open-node.js'
export { drawPeople } from './data/people/people.js'
export { parseSelector, type Selector, select } from './data/select.js'
export { complement, subset } from './data/split.js'
export type { Engine, Pool, Session, Tensors } from './engine/engine.js'
export { engineOf } from './engine/engine-of.js'
export type { Progress, WorkOptions } from './engine/in-order.js'
export { createPool } from './engine/node/pool.js'
export { type ErrorCode, errorCodes, isLetheError, LetheError } from './errors.js'
export { type ModelFacts, measureModel } from './evaluate/facts.js'
export { type Verdict, verdict } from './evaluate/verdict/verdict.js'
export type { Attribute, Graph, Node, ValueInfo } from './graph/graph.js'
export { printGraph } from './graph/print.js'
export { type EstimateOptions, estimateImportance } from './importance/estimate.js'
export { type Importance, importanceOf } from './importance/importance.js'
export { readStore, type Store, writeStore } from './importance/store.js'
export { type Lethe, type LetheOptions, openLethe } from './lethe-node.js'
export type { Examples } from './network/examples.js'
export { type Forward, openForward, type Scores } from './network/forward.js'
export { type Inspection, inspect } from './network/inspect.js'
export { type Network, openNetwork } from './network/network.js'
export { type Model, readModel, writeGraph, writeModel } from './onnx/model.js'
export type { ReportFacts } from './report/facts.js'
export { writeReport } from './report/report.js'
export type { DataType, Tensor } from './tensor/tensor.js'
export { type TrainOptions, train } from './train/train.js'
export { dampen, dampeningFactor, type Strength } from './unlearn/dampen.js'
export { type ForgetRequest, type Plan, planForgetting, type StrengthChoice } from './unlearn/forget.js'
export { forgetShares, type Shares } from './unlearn/shares.js'
export { version } from './version.js'
export { type Trained, trainClassifier } from './workspace/train.js'
