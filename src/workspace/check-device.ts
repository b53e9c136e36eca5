import { subset } from '../data/split.js'
import type { Pool } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import { estimateImportance } from '../importance/estimate.js'
import type { Importance } from '../importance/importance.js'
import { type OpenOptions, type Workspace, workspaceOf } from './open.js'

/** Records that both devices are given. */
const checked = 4
/** Shares of a tensor's largest importance: what rounding makes of them is far below, what a wrong kernel makes far above. */
const tolerance = 1e-2
/** A tensor whose importances are all below this share of the largest of the model holds nothing but rounding. */
const noise = 1e-8

/** What a device is compared with, and its words in the error. */
export interface DeviceCheck {
  /** A pool on the processor, closed afterwards. */
  readonly processor: Pool
  /** Name of the device: WebGPU. */
  readonly device: string
  /** What to do where it is wrong, as a sentence. */
  readonly advice: string
}

/**
 * Throws `device-wrong` where the device of a workspace gives other importances of the first records than the processor: kernels for graphics cards have
 * been wrong for some shapes, without a word (ONNX Runtime 1.30 on WebGPU: convolutions of two groups with six output channels each).
 */
export async function checkDevice(
  workspace: Workspace,
  options: OpenOptions,
  { processor, device, advice }: DeviceCheck,
): Promise<void> {
  const sample = subset(
    options.data,
    Array.from({ length: Math.min(checked, options.data.size) }, (_, i) => i),
  )
  const batch = { microBatch: checked }
  try {
    const truth = await workspaceOf(workspace.file, processor, { ...options, data: sample }, async () => {})
    const expected = await estimateImportance(truth.network, processor, truth.examples(sample), batch)
    const got = await estimateImportance(workspace.network, workspace.pool, workspace.examples(sample), batch)
    const { name, difference } = worstTensor(expected, got)
    if (difference < tolerance) return
    throw new LetheError(
      'device-wrong',
      `${device} gives wrong gradients for this model here: importances of "${name}" are off by ${(difference * 100).toPrecision(2)} % of their largest. ${advice}`,
      { parameter: name, difference },
    )
  } finally {
    await processor.close()
  }
}

function worstTensor(expected: Importance, got: Importance): { name: string; difference: number } {
  const largest = (values: Float64Array): number => values.reduce((max, v) => Math.max(max, v), 0)
  const floor = noise * Math.max(...[...expected.sums.values()].map(largest), Number.MIN_VALUE)
  let worst = { name: '', difference: 0 }
  for (const [name, sum] of expected.sums) {
    const other = got.sums.get(name)
    const apart = sum.map((v, i) => Math.abs(v - (other?.[i] ?? Number.NaN)))
    const difference = apart.some(Number.isNaN) ? Number.POSITIVE_INFINITY : largest(apart)
    const share = difference / Math.max(largest(sum), floor)
    if (share > worst.difference) worst = { name, difference: share }
  }
  return worst
}
