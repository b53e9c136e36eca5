import { channels } from './channels.js'
import { crop } from './crop.js'
import type { Transform } from './picture.js'
import { resize } from './resize.js'

/** All transforms of pixels, in the order in which they are applied; what pixels become as values of a model follows them. */
export const transforms: readonly Transform[] = [channels, resize, crop]
