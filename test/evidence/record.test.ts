import { describe, expect, it } from 'vitest'
import { wilson } from '../../src/evaluate/estimate.js'
import { verdict } from '../../src/evaluate/verdict/verdict.js'
import { idsText, makeRecord, parseRecord, type RunRecord, recordText } from '../../src/evidence/record.js'
import { sha256Hex } from '../../src/files/digest-node.js'

const model = (right: number) => ({ forget: { accuracy: wilson(right, 200), loss: 0.5 } })
const conclusion = verdict({
  task: 'class',
  subject: 'class 3',
  classes: 10,
  before: model(190),
  after: model(1),
  floor: 'not checked',
})

const fields: Omit<RunRecord, 'kind' | 'version'> = {
  lethe: '0.1.0',
  when: '2025-01-02T03:04:05.678Z',
  command: 'forget',
  settings: { share: null, keep: 0.01, forget: ['class=3'] },
  inputs: {
    model: { name: 'model.onnx', sizeBytes: 10, sha256: sha256Hex('model') },
    store: { name: 'train.safetensors', sizeBytes: 20, sha256: sha256Hex('store') },
    forget: { count: 2, idsSha256: sha256Hex(idsText(['b', 'a'])), selectors: ['class=3'] },
  },
  outputs: { model: { name: 'forgotten.onnx', sizeBytes: 10, sha256: sha256Hex('forgotten') } },
  strength: { method: 'ssd', chosen: 'found', share: 0.4, lambda: 0.3, selected: 12, parameters: 1000, floor: 'kept' },
  evaluation: { after: { forget: { accuracy: 0.005 } } },
  verdict: {
    ...conclusion,
    reasons: [...conclusion.reasons],
    limits: [...conclusion.limits],
    advice: [...conclusion.advice],
  },
  software: { node: '20.0.0', 'onnxruntime-node': '1.30.0' },
  platform: { os: 'linux', arch: 'x64', cpu: 'some', cores: 2 },
}

it('a record is read back as it was made, and written the same again', () => {
  const record = makeRecord(fields)
  const text = recordText(record)
  expect(parseRecord(text)).toEqual(record)
  expect(recordText(parseRecord(text))).toBe(text)
  expect(text.endsWith('}\n')).toBe(true)
})

it('the order in which fields are given does not change the text', () => {
  const turned = Object.fromEntries(Object.entries(fields).reverse()) as typeof fields
  expect(recordText(makeRecord(turned))).toBe(recordText(makeRecord(fields)))
})

it('a set of ids is one text whatever its order, and line breaks in ids cannot make two sets alike', () => {
  expect(idsText(['b', 'a'])).toBe(idsText(new Set(['a', 'b'])))
  expect(idsText(['a\nb'])).not.toBe(idsText(['a', 'b']))
})

describe('what is no record is refused with the place', () => {
  const text = recordText(makeRecord(fields))
  it.each([
    ['no JSON', 'model', 'This is not a record of Lethe: it is not JSON.'],
    ['another version', text.replace('"version": 1', '"version": 2'), 'version: Invalid input'],
    [
      'a short digest',
      text.replace(sha256Hex('model'), 'abc'),
      'inputs.model.sha256: expected 64 lower-case hex digits',
    ],
    ['an unknown field', text.replace('"kind"', '"extra": 1, "kind"'), 'the whole: Unrecognized key: "extra"'],
    ['a local time', text.replace('05.678Z', '05'), 'when: Invalid ISO datetime'],
  ])('%s', (_, spoilt, says) => {
    expect(() => parseRecord(spoilt)).toThrow(
      expect.objectContaining({ code: 'data-format', message: expect.stringContaining(says) }),
    )
  })

  it('fields that a run made wrongly are reported as internal', () => {
    expect(() => makeRecord({ ...fields, when: 'yesterday' })).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})
