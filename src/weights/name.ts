/**
 * The tensor of a state dict that bears an initializer's name: the same, or one that is the other with a prefix of modules before
 * it (`model.fc.weight` and `fc.weight`); of several the one with the most in common, then the shortest. Undefined where there is
 * none, or two alike.
 */
export function namesake(name: string, names: Iterable<string>): string | undefined {
  const found: string[] = []
  for (const other of names) {
    if (other === name) return other
    if (name.endsWith(`.${other}`) || other.endsWith(`.${name}`)) found.push(other)
  }
  const inCommon = (other: string): number => Math.min(other.length, name.length)
  const [first, second] = found.sort((a, b) => inCommon(b) - inCommon(a) || a.length - b.length)
  return first?.length === second?.length ? undefined : first
}

/** Parts that two sets of names have in common, counted; the parts of `/layers.0/fc/MatMul` are layers, 0, fc, MatMul. */
export function likeness(names: readonly string[], other: string): number {
  const wanted = new Set(partsOf(other))
  return Math.max(0, ...names.map((name) => partsOf(name).filter((part) => wanted.has(part)).length))
}

function partsOf(name: string): string[] {
  return name.split(/[^A-Za-z0-9]+/).filter((part) => part !== '')
}

/** Order of names in which layer 10 comes after layer 2. */
export function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
