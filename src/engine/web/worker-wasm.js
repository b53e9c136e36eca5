// @ts-check
// Web Worker with the build of onnxruntime-web for WebAssembly alone.
import * as ort from 'onnxruntime-web/wasm'
import { listen } from './listen.js'

listen(ort, 'wasm')
