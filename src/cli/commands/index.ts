import type { Verb } from '../command.js'
import { check } from './check.js'
import { demo } from './demo.js'
import { evaluate } from './evaluate.js'
import { forget } from './forget.js'
import { importance } from './importance.js'
import { inspect } from './inspect.js'
import { plan } from './plan.js'
import { train } from './train.js'

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [demo, inspect, check, importance, plan, forget, evaluate, train]
