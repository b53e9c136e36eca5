// @ts-check
// One worker of the pool of threads: sessions of onnxruntime-node behind messages.
import { parentPort, workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { serve } from '../serve.js'
import { acceleratorOptions, startAccelerator } from './accelerator.js'

const port = parentPort
if (!port) throw new Error('engine/node/worker.js runs as a worker only.')
const device = /** @type {import('./device.js').Device} */ (workerData)
// What fails on a card is an exception, too; its second form, a line of the runtime's own, is left out.
ort.env.logLevel = device === 'cpu' ? 'error' : 'fatal'

/** @type {import('../serve.js').Ways} */
const ways =
  device === 'cpu'
    ? { options: {}, addsInPlace: true }
    : { options: acceleratorOptions(device), addsInPlace: true, start: () => startAccelerator(ort, device) }

port.on(
  'message',
  serve(ort, ways, (reply, transfer) => port.postMessage(reply, transfer)),
)
