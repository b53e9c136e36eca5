import { accuracy } from './accuracy.js'
import { classAccuracy } from './class-accuracy.js'
import { confidence } from './confidence.js'
import { meanLoss } from './mean-loss.js'
import type { Metric } from './metric.js'
import { perplexity } from './perplexity.js'
import { tokenAccuracy } from './token-accuracy.js'

/** Every metric, in the order reports print them. */
export const metrics: readonly Metric[] = [accuracy, tokenAccuracy, classAccuracy, meanLoss, perplexity, confidence]
