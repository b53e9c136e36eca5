import type { Target, Trial } from './trial.js'

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
 * comparable unseen members, where such a reference is given; chance, 1/K, otherwise. Records: the mean loss of comparable
 * unseen data, neither lower nor higher; without a reference no strength can be said to reach it.
 */
export function targetOf(task: Task, classes: number, reference: UnseenReference | undefined): Target {
  if (task === 'class') {
    return {
      description: `accuracy on the forgotten class at most ${classAccuracy * 100} %`,
      distance: (t) => t.forget.accuracy - classAccuracy,
      isPast: (t) => t.forget.accuracy <= classAccuracy,
    }
  }
  if (task === 'attribute') {
    const accuracy = reference?.accuracy ?? 1 / classes
    return {
      description: reference
        ? `accuracy on the forget set like that on comparable unseen data (${(accuracy * 100).toFixed(1)} %)`
        : `accuracy on the forget set at chance (${(accuracy * 100).toFixed(1)} %); no comparable unseen data was given`,
      distance: (t) => Math.abs(t.forget.accuracy - accuracy) - 0.05,
      isPast: (t) => t.forget.accuracy <= accuracy + 0.05,
    }
  }
  if (reference === undefined) {
    return {
      description: 'no comparable unseen data was given: nothing to aim at',
      distance: (t) => 1 / (1 + t.forget.loss),
      isPast: () => false,
    }
  }
  const tolerance = 0.1 * reference.loss
  const above = (t: Trial): number => t.forget.loss - (t.unseen?.loss ?? reference.loss)
  return {
    description: `mean loss of the records like that of comparable unseen data (${reference.loss.toFixed(3)})`,
    distance: (t) => Math.abs(above(t)) - tolerance,
    isPast: (t) => above(t) >= -tolerance,
  }
}
