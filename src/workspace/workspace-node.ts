import type { Pool } from '../engine/engine.js'
import { createPool } from '../engine/node/pool.js'
import { loadModel } from './model-node.js'
import { type OpenOptions, type Workspace, workspaceOf } from './open.js'

export type { Workspace } from './open.js'

export interface WorkspaceOptions extends OpenOptions {
  /** Path of the ONNX model. */
  readonly model: string
  /** Worker threads; default one a core. */
  readonly workers?: number
  /** A pool to work on, left open; by default one is made and closed with the workspace. */
  readonly pool?: Pool
}

/**
 * Opens a model on a pool of workers and traces it on the first records of the data.
 * Throws `config-invalid` for an array named for an input that the model does not have.
 */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const file = await loadModel(options.model)
  const pool = options.pool ?? createPool({ workers: options.workers })
  const close = async (): Promise<void> => {
    if (!options.pool) await pool.close()
  }
  try {
    return await workspaceOf(file, pool, options, close)
  } catch (error) {
    await close()
    throw error
  }
}
