/** Colour as red, green, blue in 0…255. */
export type Colour = readonly [number, number, number]

/** Skin tones, light to dark. */
export const skins: readonly Colour[] = [
  [255, 224, 200],
  [246, 204, 172],
  [232, 184, 144],
  [214, 160, 116],
  [188, 132, 92],
  [158, 104, 70],
  [124, 80, 54],
  [94, 60, 44],
]

/** Hair colours, natural ones and two that are not. */
export const hairs: readonly Colour[] = [
  [36, 28, 30],
  [84, 52, 32],
  [140, 88, 44],
  [214, 170, 86],
  [186, 76, 36],
  [176, 176, 180],
  [60, 110, 140],
  [150, 70, 120],
]

/** Colours of the iris. */
export const irises: readonly Colour[] = [
  [70, 44, 28],
  [120, 80, 40],
  [60, 120, 70],
  [60, 110, 180],
  [110, 120, 130],
  [90, 70, 140],
]

/** Pairs of colours of a backdrop. */
export const backdrops: readonly (readonly [Colour, Colour])[] = [
  [
    [142, 190, 214],
    [196, 224, 232],
  ],
  [
    [228, 190, 130],
    [246, 224, 180],
  ],
  [
    [140, 176, 128],
    [192, 212, 168],
  ],
  [
    [212, 146, 140],
    [238, 194, 184],
  ],
  [
    [150, 140, 190],
    [198, 188, 222],
  ],
  [
    [104, 124, 144],
    [150, 168, 182],
  ],
  [
    [200, 176, 158],
    [228, 212, 200],
  ],
  [
    [92, 150, 148],
    [148, 196, 190],
  ],
]

/** Colours of shirts, hats and frames. */
export const cloths: readonly Colour[] = [
  [196, 62, 58],
  [44, 92, 156],
  [58, 132, 88],
  [232, 178, 60],
  [118, 74, 144],
  [234, 234, 228],
  [52, 54, 62],
  [226, 122, 60],
]

/** Invented family names; further families get a number behind the name. */
export const familyNames: readonly string[] = [
  'Almery',
  'Brask',
  'Corvel',
  'Dunmoor',
  'Elvand',
  'Fennick',
  'Galdry',
  'Hollin',
  'Ivermoss',
  'Jorvane',
  'Kestle',
  'Lumbard',
  'Marrowyn',
  'Nethery',
  'Orsk',
  'Pellant',
]

/** Colour between two: `a` at 0, `b` at 1. */
export function mix(a: Colour, b: Colour, share: number): Colour {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share]
}

/** Colour with every channel multiplied. */
export function shade(colour: Colour, factor: number): Colour {
  return [colour[0] * factor, colour[1] * factor, colour[2] * factor]
}
