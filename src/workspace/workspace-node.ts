import type { Pool } from '../engine/engine.js'
import { createDevicePool, createPool, type Device, deviceNames } from '../engine/node/pool.js'
import { checkDevice } from './check-device.js'
import { loadModel } from './model-node.js'
import { type OpenOptions, type Workspace, workspaceOf } from './open.js'

export type { Workspace } from './open.js'

export interface WorkspaceOptions extends OpenOptions {
  /** Path of the ONNX model. */
  readonly model: string
  /** What runs the kernels; default 'cpu'. See `createDevicePool`. */
  readonly device?: Device
  /**
   * Whether a device's gradients of the first records are compared with those of the processor before any work (`device-wrong` where they differ). Default
   * true.
   */
  readonly checkDevice?: boolean
  /** Worker threads; default one a core, or one for a device beside the processor. */
  readonly workers?: number
  /** A pool to work on, left open; by default one is made and closed with the workspace. */
  readonly pool?: Pool
}

/**
 * Opens a model on a pool of workers and traces it on the first records of the data.
 * Throws `config-invalid` for an array named for an input that the model does not have, `device-missing`, `device-wrong`.
 */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const { device = 'cpu' } = options
  const file = await loadModel(options.model)
  const pool = options.pool ?? (await createDevicePool(options))
  const close = async (): Promise<void> => {
    if (!options.pool) await pool.close()
  }
  try {
    const workspace = await workspaceOf(file, pool, options, close)
    const isAccelerated = !options.pool && device !== 'cpu'
    if (isAccelerated && options.checkDevice !== false) {
      const processor = createPool({ workers: 1 })
      await checkDevice(workspace, options, {
        processor,
        device: deviceNames[device],
        advice: 'Work on the CPU: leave the device out.',
      })
    }
    return workspace
  } catch (error) {
    await close()
    throw error
  }
}
