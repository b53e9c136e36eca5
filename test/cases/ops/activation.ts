import { data, type OpCase } from '../op-case.js'

export const activation: readonly OpCase[] = [{ name: 'Relu', op: 'Relu', inputs: [data(['N', 6], 'away-from-zero')] }]
