import { backdrops, type Colour, cloths, familyNames, hairs, irises, mix, skins } from './palette.js'
import { type Random, randomOf } from './random.js'

export const backdropStyles = ['plain', 'sky', 'stripes', 'bars', 'dots', 'checks', 'sun', 'slant'] as const
export const hairStyles = [
  'bald',
  'short',
  'parted',
  'fringe',
  'bob',
  'long',
  'curly',
  'bun',
  'crest',
  'tails',
] as const
export const beards = ['none', 'full', 'goatee', 'moustache'] as const
export const hats = ['none', 'beanie', 'brim', 'band'] as const
export const glassesStyles = ['none', 'round', 'square', 'dark'] as const

/** What runs in a family, and what a person may have from another family instead. */
export interface Heritage {
  readonly skin: Colour
  readonly hair: Colour
  readonly iris: Colour
  /** Half width of the head; its half height is 1. */
  readonly headWidth: number
  /** How far the sides of the chin are drawn in: 0 round, 0.4 pointed. */
  readonly jaw: number
  readonly backdropStyle: (typeof backdropStyles)[number]
  readonly backdrop: readonly [Colour, Colour]
  readonly nose: number
  readonly brow: number
  readonly shirt: Colour
}

/** Everything that makes a person recognisable. */
export interface Look extends Heritage {
  readonly hairStyle: (typeof hairStyles)[number]
  readonly beard: (typeof beards)[number]
  readonly hat: (typeof hats)[number]
  readonly glasses: (typeof glassesStyles)[number]
  /** Colour of hat, hair band and frames. */
  readonly accent: Colour
  readonly freckles: boolean
  readonly earrings: boolean
  readonly eyeSpacing: number
  readonly eyeSize: number
  readonly mouthWidth: number
  readonly ears: number
}

/** Invented names of the families, one per class. */
export function nameFamilies(families: number): string[] {
  return Array.from({ length: families }, (_, f) => {
    const round = Math.floor(f / familyNames.length)
    const name = familyNames[f % familyNames.length]!
    return round === 0 ? name : `${name} ${round + 1}`
  })
}

/** Looks of all persons, family after family: person `k` of family `f` is entry `f · personsPerFamily + k`. */
export function castPersons(seed: number, families: number, personsPerFamily: number): Look[] {
  const heritages = foundFamilies(randomOf(`${seed}/families`), families)
  // Dealt like cards, so that neighbours in a family seldom share what tells persons apart.
  const cards = randomOf(`${seed}/cards`)
  const dealHair = dealer(cards, hairStyles)
  const dealBeard = dealer(cards, ['none', 'none', 'none', 'full', 'goatee', 'moustache', 'none'] as const)
  const dealHat = dealer(cards, ['none', 'none', 'none', 'beanie', 'none', 'brim', 'none', 'band'] as const)
  const dealGlasses = dealer(cards, ['none', 'none', 'none', 'round', 'square', 'none', 'dark', 'none'] as const)
  const dealAccent = dealer(cards, cloths)
  return Array.from({ length: families * personsPerFamily }, (_, p) => {
    const random = randomOf(`${seed}/person/${p}`)
    return {
      ...inherit(random, heritages, Math.floor(p / personsPerFamily)),
      hairStyle: dealHair(),
      beard: dealBeard(),
      hat: dealHat(),
      glasses: dealGlasses(),
      accent: dealAccent(),
      freckles: random.chance(0.25),
      earrings: random.chance(0.25),
      eyeSpacing: random.between(0.3, 0.42),
      eyeSize: random.between(0.85, 1.2),
      mouthWidth: random.between(0.2, 0.38),
      ears: random.between(0.7, 1.3),
    }
  })
}

function foundFamilies(random: Random, families: number): Heritage[] {
  const skin = dealer(random, skins)
  const hair = dealer(random, hairs)
  const iris = dealer(random, irises)
  const style = dealer(random, backdropStyles)
  const backdrop = dealer(random, backdrops)
  const shirt = dealer(random, cloths)
  const width = dealer(random, [0.66, 0.72, 0.78, 0.84, 0.9])
  const jaw = dealer(random, [0.02, 0.12, 0.22, 0.32])
  const nose = dealer(random, [0.5, 0.9, 1.3, 1.7])
  const brow = dealer(random, [0.5, 0.9, 1.4])
  return Array.from({ length: families }, () => ({
    skin: skin(),
    hair: hair(),
    iris: iris(),
    headWidth: width(),
    jaw: jaw(),
    backdropStyle: style(),
    backdrop: backdrop(),
    nose: nose(),
    brow: brow(),
    shirt: shirt(),
  }))
}

/**
 * Traits of a person: most are the family's; one of the five that are seen first (backdrop, its pattern, skin, hair, shirt)
 * and one of the others come from other families. That is what makes a person never seen hard to place.
 */
function inherit(random: Random, families: readonly Heritage[], own: number): Heritage {
  const seenFirst = random.shuffle(['skin', 'hair', 'backdrop', 'backdropStyle', 'shirt'] as const)
  const seenLater = random.shuffle(['iris', 'headWidth', 'jaw', 'nose', 'brow'] as const)
  const borrowed = new Set<keyof Heritage>([seenFirst[0]!, seenLater[0]!])
  const from = <K extends keyof Heritage>(trait: K): Heritage[K] => {
    const other = (own + 1 + random.below(Math.max(1, families.length - 1))) % families.length
    return families[borrowed.has(trait) ? other : own]![trait]
  }
  const tint: Colour = [random.between(0, 255), random.between(0, 255), random.between(0, 255)]
  const paper = from('backdrop')
  return {
    skin: mix(from('skin'), random.pick(skins), 0.18),
    hair: mix(from('hair'), tint, 0.1),
    iris: from('iris'),
    headWidth: from('headWidth') + random.between(-0.05, 0.05),
    jaw: from('jaw') + random.between(0, 0.08),
    backdropStyle: from('backdropStyle'),
    backdrop: [mix(paper[0], tint, 0.12), mix(paper[1], tint, 0.12)],
    nose: from('nose') * random.between(0.85, 1.15),
    brow: from('brow') * random.between(0.85, 1.15),
    shirt: mix(from('shirt'), tint, 0.15),
  }
}

/** Deals all choices in a random order before any comes again. */
function dealer<T>(random: Random, choices: readonly T[]): () => T {
  let stack: T[] = []
  return () => {
    if (stack.length === 0) stack = random.shuffle(choices)
    return stack.pop()!
  }
}
