import { LetheError } from '../errors.js'

/** Learning rate as a share of its start, by progress through training in [0, 1). */
export type Schedule = (progress: number) => number

/** Schedules by name: `constant`; `cosine` falls to 0 along half a cosine; `step` divides by 10 at one half and three quarters. */
export const schedules = {
  constant: () => 1,
  cosine: (t) => 0.5 * (1 + Math.cos(Math.PI * t)),
  step: (t) => (t < 0.5 ? 1 : t < 0.75 ? 0.1 : 0.01),
} as const satisfies Record<string, Schedule>

/** Schedule of a name. Throws `usage` naming those that exist. */
export function findSchedule(name: string): Schedule {
  const found = Object.entries(schedules).find(([key]) => key === name)
  if (found) return found[1]
  throw new LetheError('usage', `No schedule is called "${name}"; there are ${Object.keys(schedules).join(', ')}.`)
}
