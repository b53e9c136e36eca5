// @ts-check
// Whether a device is there, from inside a worker; and where it is not, what to install.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { firstLineOf, probeModel, refusal } from '../probe.js'

/** @typedef {import('./device.js').Accelerator} Accelerator */
/** @typedef {typeof import('onnxruntime-node')} Runtime */

/** @type {Readonly<Record<Accelerator, string>>} */
const names = { webgpu: 'WebGPU', cuda: 'CUDA' }
const more = 'Or leave --device out to work on the CPU. See docs/devices.md.'

/** Files of onnxruntime-node that its package leaves to a download. */
const providers = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so']
/** Libraries that they stand on: the driver's, those of CUDA 12, and cuDNN 9. */
const libraries = [
  'libcuda.so.1',
  'libcudart.so.12',
  'libcublasLt.so.12',
  'libcublas.so.12',
  'libcufft.so.11',
  'libcurand.so.10',
  'libnvrtc.so.12',
  'libcudnn.so.9',
]

/**
 * Options of every session on a device. Outputs come back to memory: reading one that lies on the card has ended the process.
 * @param {Accelerator} device
 * @returns {import('onnxruntime-common').InferenceSession.SessionOptions}
 */
export function acceleratorOptions(device) {
  return { executionProviders: [device], preferredOutputLocation: 'cpu' }
}

/**
 * Resolves once a session has been made on the device. Throws `device-missing`: what is missing, and what to install.
 * @param {Runtime} ort
 * @param {Accelerator} device
 */
export async function startAccelerator(ort, device) {
  const isBuilt = ort.listSupportedBackends().some((backend) => backend.name === device)
  if (!isBuilt) {
    throw missing(device, `onnxruntime-node has none for ${process.platform}-${process.arch}`)
  }
  if (device === 'cuda') checkProviders()
  if (device === 'webgpu' && process.platform === 'linux' && !isLoadable('libvulkan.so.1')) {
    throw missing(
      device,
      `libvulkan.so.1, the Vulkan loader, is not installed (Debian, Ubuntu: apt-get install libvulkan1; and the driver of the card)`,
    )
  }
  try {
    const session = await ort.InferenceSession.create(probeModel(), acceleratorOptions(device))
    await session.release()
  } catch (error) {
    throw missing(device, device === 'cuda' ? cudaReason(error) : webGpuReason(error))
  }
}

/** CUDA's part of onnxruntime-node; the runtime would only say that a library cannot be loaded, and print a line of its own. */
function checkProviders() {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
    'bin/napi-v6',
    process.platform,
    process.arch,
  )
  const absent = providers.filter((file) => !existsSync(join(folder, file)))
  if (absent.length === 0) return
  const install = `ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js`
  const libs = missingLibraries()
  throw missing(
    'cuda',
    `onnxruntime-node lacks ${absent.join(' and ')} (install: ${install})${libs === '' ? '' : `, and ${libs}`}`,
  )
}

/** @param {unknown} error */
function cudaReason(error) {
  return missingLibraries() || `the runtime cannot use the card (${firstLineOf(error)})`
}

function missingLibraries() {
  const absent = libraries.filter((name) => !isLoadable(name))
  if (absent.length === 0) return ''
  return `these libraries are not found: ${absent.join(', ')} (install the NVIDIA driver, CUDA 12 and cuDNN 9, with their folders in LD_LIBRARY_PATH)`
}

/** @param {unknown} error */
function webGpuReason(error) {
  const said = firstLineOf(error).replace(/^.*\bwas false\. /, '')
  const todo =
    process.platform === 'linux'
      ? "install the card's Vulkan driver (Debian, Ubuntu: mesa-vulkan-drivers for AMD and Intel, nvidia-driver for NVIDIA), or name its file in VK_ICD_FILENAMES"
      : "install the card's current driver"
  return `the runtime finds no graphics card that it can use (${said.replace(/\.$/, '')}); ${todo}`
}

/**
 * @param {Accelerator} device
 * @param {string} reason
 */
function missing(device, reason) {
  return refusal('device-missing', `${names[device]} cannot be used here: ${reason}. ${more}`)
}

/**
 * Whether the linker finds a library, by its own search. It is no addon of Node, which Node says only after it was found.
 * @param {string} name
 */
function isLoadable(name) {
  try {
    process.dlopen({ exports: {} }, name)
    return true
  } catch (error) {
    return !firstLineOf(error).includes('cannot open shared object file')
  }
}
