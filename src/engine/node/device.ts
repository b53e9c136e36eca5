/** What runs the kernels in Node: the processor, a graphics card through WebGPU, or an NVIDIA card through CUDA. */
export type Device = 'cpu' | 'webgpu' | 'cuda'

/** Every device, in the order of `--device`. */
export const devices = ['cpu', 'webgpu', 'cuda'] as const satisfies readonly Device[]

/** Devices beside the processor. */
export type Accelerator = Exclude<Device, 'cpu'>

/** Name of a device in sentences. */
export const deviceNames: Readonly<Record<Device, string>> = { cpu: 'the CPU', webgpu: 'WebGPU', cuda: 'CUDA' }
