/** How far the forgetting went. */
export type VerdictState = 'forgotten' | 'partly forgotten' | 'not forgotten'

/** Everything a report says; plain data that survives JSON. Shares and accuracies are in 0…1, null = not measured. */
export interface ReportFacts {
  readonly title: string
  readonly verdict: {
    readonly state: VerdictState
    /** One plain sentence: what was found, and what it rests on. */
    readonly sentence: string
    /** What the verdict does not cover, one sentence each. */
    readonly limits: readonly string[]
  }
  /** When the work was done, as text. */
  readonly when: string
  /** Name and version of what did it. */
  readonly software: string
  readonly asked: AskedFacts
  readonly models: readonly ModelFacts[]
  readonly strength: StrengthFacts
  readonly tradeoff: readonly TradeoffPoint[]
  readonly groups: {
    /** What a group is, in the singular: `person`, `class`. */
    readonly kind: string
    readonly accuracies: readonly GroupAccuracy[]
  }
  readonly losses: LossFacts
  readonly layers: readonly LayerShare[]
  readonly faces?: readonly FaceAnswer[]
  readonly digests: readonly Digest[]
  readonly settings: readonly Setting[]
}

export interface AskedFacts {
  /** The scenario in words: whole class, one person, random records. */
  readonly task: string
  /** As given by the user: `person=p07`. */
  readonly selector: string
  readonly forgetCount: number
  readonly retainCount: number
  readonly testCount: number | null
}

export interface ModelFacts {
  readonly name: string
  readonly forgetAccuracy: number | null
  readonly retainAccuracy: number | null
  readonly testAccuracy: number | null
  /** Area under the curve of the membership attack: 0.5 is guessing. */
  readonly attackAuc: number | null
  /** Share of the forget set found at 1 % false positives. */
  readonly attackTpr: number | null
  readonly seconds: number | null
}

export interface StrengthFacts {
  readonly estimator: string
  readonly alpha: number | null
  readonly lambda: number | null
  readonly tau: number | null
  /** R = |D| / |D_f|. */
  readonly ratio: number | null
  readonly selected: number
  readonly parameters: number
}

export interface TradeoffPoint {
  readonly tau: number
  readonly lambda: number
  readonly forgetAccuracy: number
  readonly retainAccuracy: number
  readonly chosen: boolean
}

export interface GroupAccuracy {
  readonly name: string
  readonly before: number
  readonly after: number
  readonly retrained?: number
  readonly forgotten: boolean
}

/** Histograms of the losses over common edges: `edges.length − 1` counts each. */
export interface LossFacts {
  readonly edges: readonly number[]
  readonly before: LossCounts
  readonly after: LossCounts
}

export interface LossCounts {
  readonly forgotten: readonly number[]
  readonly retained: readonly number[]
  readonly unseen: readonly number[]
}

export interface LayerShare {
  readonly name: string
  /** Number of parameters. */
  readonly count: number
  /** How many of them were dampened. */
  readonly selected: number
  /** Mean factor of the dampened ones: 1 unchanged, 0 erased. */
  readonly meanFactor: number
}

export interface FaceAnswer {
  /** `data:image/png;base64,…` */
  readonly png: string
  /** The true label. */
  readonly label: string
  readonly before: Answer
  readonly after: Answer
}

export interface Answer {
  readonly class: string
  readonly probability: number
}

export interface Digest {
  readonly role: string
  readonly name: string
  readonly sha256: string
}

export interface Setting {
  readonly name: string
  readonly value: string | number | boolean | null
}
