/** The known name that an unknown one was most likely meant to be, or undefined where none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase()
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (
      distance <= Math.floor(Math.max(wanted.length, candidate.length) / 3) &&
      distance < (best?.distance ?? Infinity)
    )
      best = { name: candidate, distance }
  }
  return best?.name
}

/** ` Did you mean "rocket"?`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearest(name, known)
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

/** Letters to insert, remove, replace, or swap with their neighbour, to make one text the other (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const [above, before] = [rows[i - 1]!, rows[i - 2]]
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = before && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1, isSwap ? before[j - 2]! + 1 : replaced))
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
