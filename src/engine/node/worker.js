// @ts-check
// One worker of the pool of threads: sessions of onnxruntime-node behind messages.
import { parentPort } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { serve } from '../serve.js'

const port = parentPort
if (!port) throw new Error('engine/node/worker.js runs as a worker only.')
ort.env.logLevel = 'error'
port.on(
  'message',
  serve(ort, { options: {}, keepsOutputs: true }, (reply, transfer) => port.postMessage(reply, transfer)),
)
