/** What runs the kernels: WebAssembly on the processor, or the graphics card through WebGPU. */
export type Device = 'wasm' | 'webgpu'

/** What a Web Worker is told before its first session. */
export interface Settings {
  readonly device: Device
  /** Threads of WebAssembly in this worker. */
  readonly threads: number
  /** Where the WebAssembly files lie: a folder's address that ends in `/`, or that of each file. The bundler's place where it is missing. */
  readonly wasm?: string | { readonly wasm?: string; readonly mjs?: string }
}
