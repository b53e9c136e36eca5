import { type Estimate, wilson } from '../evaluate/estimate.js'
import type { ProbeScore, Target, Trial } from './trial.js'

export type Task = 'class' | 'attribute' | 'records'

/** What is known of how a model behaves that has never seen the records: losses and accuracy on comparable unseen data. */
export interface UnseenReference {
  readonly accuracy: number
  readonly loss: number
}

/** Accuracy on the forget probe at or below which a class counts as never named. */
const classAccuracy = 0.002

/**
 * Where forgetting should end.
 *
 * A whole class: a model never trained on it does not name it, so accuracy 0. A sub-class (attribute): what the model does with
 * comparable unseen members, where such a reference is given; clearly no better than chance, 1/K, otherwise. Records: the mean loss of comparable
 * unseen data, neither lower nor higher; without such a reference the least that shows: accuracy clearly below what it was.
 *
 * `chance` is undefined for models that answer for every token: most tokens are the same for everybody (and, the, no entity), so
 * that a model which never saw the records is far better than chance on them. They are aimed at as records are.
 */
export function targetOf(
  task: Task,
  chance: number | undefined,
  reference: UnseenReference | undefined,
  before: ProbeScore,
): Target {
  if (task === 'class') {
    return {
      description: `accuracy on the forgotten class at most ${classAccuracy * 100} %`,
      distance: (t) => t.forget.accuracy - classAccuracy,
      isPast: (t) => t.forget.accuracy <= classAccuracy,
    }
  }
  if (task === 'attribute' && chance !== undefined)
    return reference ? likeUnseen(reference.accuracy) : noBetterThanChance(chance)
  if (reference === undefined) return clearlyLess(before)
  const tolerance = 0.1 * reference.loss
  const above = (t: Trial): number => t.forget.loss - (t.unseen?.loss ?? reference.loss)
  return {
    description: `mean loss of the records like that of comparable unseen data (${reference.loss.toFixed(3)})`,
    distance: (t) => Math.abs(above(t)) - tolerance,
    isPast: (t) => above(t) >= -tolerance,
  }
}

function likeUnseen(accuracy: number): Target {
  return {
    description: `accuracy on the forget set like that on comparable unseen data (${percent(accuracy)})`,
    distance: (t) => Math.abs(t.forget.accuracy - accuracy) - 0.05,
    isPast: (t) => t.forget.accuracy <= accuracy + 0.05,
  }
}

/** Clearly so: the upper end of the accuracy's 95 % interval, not the accuracy itself; or no right answer at all. */
function noBetterThanChance(chance: number): Target {
  const distance = ({ forget }: Trial): number => (forget.accuracy === 0 ? 0 : interval(forget).high - chance)
  return {
    description: `accuracy on the forget set clearly no better than chance (${percent(chance)}); no comparable unseen data was given`,
    distance,
    isPast: (t) => distance(t) <= 0,
  }
}

/** The 95 % intervals of the accuracies before and now share no point. */
function clearlyLess(before: ProbeScore): Target {
  const { low } = interval(before)
  const distance = (t: Trial): number => interval(t.forget).high - low
  return {
    description: `accuracy on the records clearly below the ${percent(before.accuracy)} it was; no comparable unseen data was given to aim at`,
    distance,
    isPast: (t) => distance(t) < 0,
  }
}

const interval = ({ accuracy, size }: ProbeScore): Estimate => wilson(Math.round(accuracy * size), size)
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
