/** Numbers that an optimiser keeps for each parameter between steps, by the parameter's name. */
export type Slots = Map<string, Float32Array>

export interface OptimiserSettings {
  readonly momentum: number
  readonly weightDecay: number
}

/** A rule for a step: changes the weights in place. */
export interface Optimiser {
  readonly name: string
  readonly summary: string
  readonly defaultRate: number
  /** One step on one parameter with gradient g at learning rate `rate`; `step` counts from 1. */
  readonly step: (
    weights: Float32Array,
    g: Float64Array,
    name: string,
    slots: Slots,
    at: { readonly rate: number; readonly step: number; readonly settings: OptimiserSettings },
  ) => void
}

/** The named slot of a parameter, zeros at first. */
export function slot(slots: Slots, name: string, length: number): Float32Array {
  const known = slots.get(name) ?? new Float32Array(length)
  slots.set(name, known)
  return known
}
