import { channels } from './channels.js'
import { crop } from './crop.js'
import { layout } from './layout.js'
import { normalise } from './normalise.js'
import type { Transform } from './picture.js'
import { resize } from './resize.js'

/** All transforms, in the order in which they are applied. */
export const transforms: readonly Transform[] = [channels, resize, crop, normalise, layout]
