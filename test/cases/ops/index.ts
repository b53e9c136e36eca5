import type { OpCase } from '../op-case.js'
import { activation } from './activation.js'
import { conv } from './conv.js'
import { elementwise } from './elementwise.js'
import { gather } from './gather.js'
import { linear } from './linear.js'
import { norm } from './norm.js'
import { pool } from './pool.js'
import { reduce } from './reduce.js'
import { shape } from './shape.js'
import { softmax } from './softmax.js'

/** Rows of every family, by the family's file name. */
export const families: Readonly<Record<string, readonly OpCase[]>> = {
  gather,
  norm,
  pool,
  activation,
  conv,
  elementwise,
  linear,
  reduce,
  shape,
  softmax,
}
