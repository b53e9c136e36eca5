import type { Attack } from './attack.js'
import { entropyLogistic } from './entropy-logistic.js'
import { lossThreshold } from './loss-threshold.js'

/** Every membership attack, in the order reports print them. */
export const attacks: readonly Attack[] = [lossThreshold, entropyLogistic]
