import type { OpCase } from '../op-case.js'
import { activation } from './activation.js'
import { constant } from './constant.js'
import { conv } from './conv.js'
import { einsum } from './einsum.js'
import { elementwise } from './elementwise.js'
import { fourier } from './fourier.js'
import { gather } from './gather.js'
import { gridSample } from './grid-sample.js'
import { linear } from './linear.js'
import { localResponse } from './local-response.js'
import { norm } from './norm.js'
import { pool } from './pool.js'
import { reduce } from './reduce.js'
import { resize } from './resize.js'
import { scatter } from './scatter.js'
import { sequence } from './sequence.js'
import { shape } from './shape.js'
import { softmax } from './softmax.js'
import { space } from './space.js'
import { trigonometry } from './trigonometry.js'

/** Rows of every family, by the family's file name. */
export const families: Readonly<Record<string, readonly OpCase[]>> = {
  gather,
  norm,
  pool,
  activation,
  constant,
  conv,
  einsum,
  elementwise,
  fourier,
  'grid-sample': gridSample,
  linear,
  'local-response': localResponse,
  reduce,
  resize,
  scatter,
  sequence,
  shape,
  softmax,
  space,
  trigonometry,
}
