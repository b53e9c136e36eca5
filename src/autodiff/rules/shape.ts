import { dy, intsOf, type Rule } from '../rule.js'

/** Operators that only move elements. */
export const shape: readonly Rule[] = [
  {
    // y[j] = x[perm(j)]: the inverse permutation brings the cotangent back; examples in front stay in front.
    op: 'Transpose',
    since: 1,
    lifts: true,
    vjp: (c) => [
      () => {
        const lead = c.lead.length
        const rank = dy(c).dims.length - lead
        const perm = intsOf(
          c,
          'perm',
          Array.from({ length: rank }, (_, i) => rank - 1 - i),
        )
        const inverse = perm.map((_, i) => perm.indexOf(i) + lead)
        return c.e.transpose(dy(c), [...c.lead.keys(), ...inverse])
      },
    ],
  },
]
