// @ts-check
// Web Worker with the build of onnxruntime-web that has WebGPU, too.
import * as ort from 'onnxruntime-web/webgpu'
import { listen } from './listen.js'

listen(ort, 'webgpu')
