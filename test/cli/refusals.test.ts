import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeGraph } from '../../src/onnx/model.js'
import { newDisk } from '../files/folder.js'
import { mlpGraph } from '../small-graphs.js'
import { clusters, convGraph, floats, folderOfFile, good, labels, lethe, writeNpz } from './command.js'

const folder = folderOfFile()
const at = (name: string): string => join(folder, name)

/** 40 records of four classes, 10 of each; record 0, 4, 8 … is of class 0. */
const records = 40
const store = ['-m', 'mlp.onnx', '-i', 'store.safetensors']
const whole = [...store, '-d', 'data.npz']

beforeAll(async () => {
  const extra = (op: string) => [
    { op, domain: '', name: `node_${op}`, inputs: ['logits'], outputs: ['end'], attributes: {} },
  ]
  const model = writeGraph(mlpGraph())
  writeFileSync(at('mlp.onnx'), model)
  writeFileSync(at('cut.onnx'), model.subarray(0, model.length - 100))
  writeFileSync(at('text.onnx'), 'This is no model.')
  writeFileSync(at('unknown-op.onnx'), writeGraph(mlpGraph({ outputs: ['end'], extra: extra('Frobnicate') })))
  writeFileSync(at('no-rule.onnx'), writeGraph(mlpGraph({ outputs: ['end'], extra: extra('Hardmax') })))
  writeFileSync(at('two-outputs.onnx'), writeGraph(mlpGraph({ outputs: ['logits', 'a'] })))
  writeFileSync(at('other.onnx'), writeGraph({ ...mlpGraph(), name: 'other' }))
  writeFileSync(at('conv.onnx'), writeGraph(convGraph()))

  const { x, y } = clusters(records, 4, 1)
  writeNpz(at('data.npz'), { x, y })
  writeNpz(at('label.npz'), { x, y: labels(Array.from(y[2], (v, i) => (i === 7 ? 4 : v))) })
  const holed = x[2].map((v, i) => (i === 7 * 6 + 2 ? Number.NaN : v))
  writeNpz(at('nan.npz'), { x: floats(records, 6, holed), y })
  const ids = Int32Array.from({ length: records }, (_, i) => 1000 + i)
  writeNpz(at('elsewhere.npz'), { x, y, ids: ['<i4', [records], ids] })
  writeNpz(at('pictures.npz'), { x: ['|u1', [2, 9, 8, 3], new Uint8Array(2 * 9 * 8 * 3)], y: labels([0, 1]) })
  writeFileSync(at('none.txt'), '\n')
  writeFileSync(at('ids.txt'), '3\n99\n')
  writeFileSync(at('broken.json'), '{"model": ')
  writeFileSync(at('noise.safetensors'), 'This is no store.')
  mkdirSync(at('taken'))
  await good(folder, ['importance', '-m', 'mlp.onnx', '-d', 'data.npz', '-o', 'store.safetensors'])
})

/** Stderr beside the refusal: what is being done, and how far it is. No warnings, no stack. */
const ordinary = /^(forgetting .+ with the importances of .+|measuring the probes|[a-z ]+ {2}[\d,]+ \/ [\d,]+ \w+.*)$/

async function refusalOf(args: readonly string[]): Promise<{ code: number | null; line: string }> {
  const { code, stdout, stderr } = await lethe(folder, args)
  expect(stdout).toBe('')
  const lines = stderr.trimEnd().split('\n')
  expect(lines.slice(0, -1).filter((line) => !ordinary.test(line))).toEqual([])
  return { code, line: lines.at(-1)! }
}

interface Row {
  readonly what: string
  readonly args: readonly string[]
  /** The whole of the line on stderr; a pattern where a part of it is not ours to say. */
  readonly says: string | RegExp
  readonly exit?: number
}

const importance = (model: string, data = 'data.npz', out = 'out.safetensors'): string[] => [
  'importance',
  '-m',
  model,
  '-d',
  data,
  '-o',
  out,
]

const models: readonly Row[] = [
  {
    what: 'a file that is no ONNX model',
    args: importance('text.onnx'),
    says: 'lethe: not-onnx: The file is not an ONNX model (it is no ONNX protobuf).',
  },
  {
    what: 'a file that ends early',
    args: importance('cut.onnx'),
    says: 'lethe: model-truncated: The file ends early or is damaged; get the whole file again.',
  },
  {
    what: 'a file that is not there',
    args: importance('missing.onnx'),
    says: 'lethe: not-found: There is no file "missing.onnx".',
  },
  {
    what: 'a second file that is not there, before the first is measured',
    args: ['evaluate', '-m', 'text.onnx', '-m', 'missing.onnx', '-d', 'data.npz'],
    says: 'lethe: not-found: There is no file "missing.onnx".',
  },
  {
    what: 'an operator that the runtime does not have',
    args: importance('unknown-op.onnx'),
    says: 'lethe: op-unsupported: The runtime has no operator Frobnicate; export the model with standard operators.',
  },
  {
    what: 'an operator without a gradient',
    args: importance('no-rule.onnx'),
    says: 'lethe: rule-missing: Node "node_Hardmax" needs the gradient of Hardmax (opset 17), which has no rule. Freeze what lies before it, or export the model without this operator.',
  },
  {
    what: 'two outputs and no choice',
    args: importance('two-outputs.onnx'),
    says: 'lethe: output-ambiguous: The model has 2 outputs (logits, a); choose the class scores with --output.',
  },
  {
    what: 'an output that is not there',
    args: [...importance('two-outputs.onnx'), '--output', 'b'],
    says: 'lethe: output-unknown: The model has no output "b"; it has logits, a.',
  },
]

const data: readonly Row[] = [
  {
    what: 'a label outside the classes of the model',
    args: importance('mlp.onnx', 'label.npz'),
    says: 'lethe: label-range: Record "7" has label 4; the model has 4 classes (0 to 3). Check the data or choose the right output.',
  },
  {
    what: 'images of another size',
    args: importance('conv.onnx', 'pictures.npz'),
    says: 'lethe: image-size: Image "0" is 8×9 pixels and gives [3,9,8]; the model takes [3,8,8]. Declare resize, crop, channels or layout in the preprocessing.',
  },
  {
    what: 'NaN in the data',
    args: importance('mlp.onnx', 'nan.npz'),
    says: 'lethe: value-not-finite: Record "7" holds NaN at element 2 of "x"; mend or leave out the record.',
  },
  {
    what: 'no data there',
    args: importance('mlp.onnx', 'missing.npz'),
    says: 'lethe: not-found: There is no data at "missing.npz".',
  },
]

const requests: readonly Row[] = [
  {
    what: 'an empty forget set',
    args: ['plan', ...whole, '-f', 'class=0', '-f', '!class=0'],
    says: 'lethe: forget-empty: No record of "data.npz" is selected; name records that are in the data.',
  },
  {
    what: 'a list of ids without an id',
    args: ['plan', ...whole, '-f', 'ids=none.txt'],
    says: 'lethe: forget-empty: No record of "data.npz" is selected; name records that are in the data.',
  },
  {
    what: 'everything as the forget set',
    args: ['plan', ...whole, '-f', 'all'],
    says: 'lethe: forget-all: The forget set is all of the 40 records the store was made from; nothing would be left.',
  },
  {
    what: 'ids that are not in the data',
    args: ['plan', ...whole, '-f', 'ids=ids.txt'],
    says: 'lethe: id-unknown: "data.npz" has no record "99"; its ids look like "0".',
  },
  {
    what: 'a class that is not in the data',
    args: ['plan', ...whole, '-f', 'class=9'],
    says: 'lethe: attribute-unknown: "data.npz" has no class "9"; it has 0, 1, 2, 3.',
  },
  {
    what: 'a store of another model',
    args: ['plan', '-m', 'other.onnx', '-i', 'store.safetensors', '-d', 'data.npz', '-f', 'class=1'],
    says: /^lethe: store-mismatch: The store was made from another model \(SHA-256 [0-9a-f]{12}…, this one [0-9a-f]{12}…\)\. Make it from this model with lethe importance\.$/,
  },
  {
    what: 'a file that is no store',
    args: ['plan', '-m', 'mlp.onnx', '-i', 'noise.safetensors', '-d', 'data.npz', '-f', 'class=1'],
    says: 'lethe: store-format: The importance store cannot be read; make it again with lethe importance.',
  },
  {
    what: 'records that the store has never seen',
    args: ['forget', ...store, '-d', 'elsewhere.npz', '-f', 'class=1', '-o', 'out.onnx'],
    says: 'lethe: forget-unseen: 10 of the 10 records to forget are not in the data that the store was made from ("1001", "1005", "1009"); the model was not trained on them, or their ids have changed.',
  },
]

const wrongUse: readonly Row[] = [
  {
    what: 'no model',
    args: ['importance', '-d', 'data.npz', '-o', 'out.safetensors'],
    says: 'lethe: usage: --model is missing; add it to the command or to lethe.json.',
    exit: 2,
  },
  {
    what: 'nothing to forget',
    args: ['plan', ...whole],
    says: 'lethe: usage: --forget is missing: class=NAME, ids=FILE, ATTRIBUTE=VALUE, random=N or all.',
    exit: 2,
  },
  {
    what: 'two strengths at a time',
    args: ['plan', ...whole, '-f', 'class=1', '--alpha', '2', '--share', '0.5'],
    says: 'lethe: usage: --alpha and --share cannot be given together.',
    exit: 2,
  },
  {
    what: 'a number that is none',
    args: [...importance('mlp.onnx'), '--workers', 'two'],
    says: 'lethe: usage: Option "--workers <n>" argument "two" is invalid. Expected a whole number. See lethe importance --help.',
    exit: 2,
  },
  {
    what: 'no workers',
    args: [...importance('mlp.onnx'), '--workers', '0'],
    says: 'lethe: usage: Option "--workers <n>" argument "0" is invalid. Expected a whole number from 1. See lethe importance --help.',
    exit: 2,
  },
  {
    what: 'a mean with nothing between two commas',
    args: [...importance('mlp.onnx'), '--mean', '0.5,,0.5'],
    says: 'lethe: usage: Option "--mean <list>" argument "0.5,,0.5" is invalid. Expected numbers separated by commas. See lethe importance --help.',
    exit: 2,
  },
  {
    what: 'an unknown flag',
    args: ['plan', '--nope'],
    says: 'lethe: usage: Unknown option "--nope". See lethe plan --help.',
    exit: 2,
  },
  {
    what: 'a misspelt flag',
    args: ['forget', '--aplha', '3'],
    says: 'lethe: usage: Unknown option "--aplha". Did you mean --alpha? See lethe forget --help.',
    exit: 2,
  },
  {
    what: 'an unknown verb',
    args: ['nope'],
    says: 'lethe: usage: Unknown command "nope". See lethe --help.',
    exit: 2,
  },
  {
    what: 'a misspelt verb',
    args: ['evalute', '-m', 'mlp.onnx'],
    says: 'lethe: usage: Unknown command "evalute". Did you mean evaluate? See lethe --help.',
    exit: 2,
  },
  {
    what: 'a verb without its argument',
    args: ['inspect', '--json'],
    says: 'lethe: usage: Missing required argument "model". See lethe inspect --help.',
    exit: 2,
  },
  {
    what: 'an argument too many',
    args: ['inspect', 'mlp.onnx', 'other.onnx'],
    says: 'lethe: usage: Too many arguments for "inspect". Expected 1 argument but got 2. See lethe inspect --help.',
    exit: 2,
  },
  {
    what: 'a flag without its value',
    args: ['plan', '-f'],
    says: 'lethe: usage: Option "-f, --forget <selector>" argument missing. See lethe plan --help.',
    exit: 2,
  },
  {
    what: 'a flag of another estimator',
    args: [...importance('mlp.onnx'), '--group-by', 'person'],
    says: 'lethe: usage: --group-by is for --estimator grouped, not exact.',
    exit: 2,
  },
  {
    what: 'λ without a threshold',
    args: ['plan', ...whole, '-f', 'class=1', '--lambda', '0.5'],
    says: 'lethe: usage: --lambda needs --alpha or --share: --auto finds λ itself.',
    exit: 2,
  },
  {
    what: 'a floor beside a threshold',
    args: ['plan', ...whole, '-f', 'class=1', '--share', '0.5', '--keep', '0.1'],
    says: 'lethe: usage: --keep is what --auto searches within; leave it out with --share.',
    exit: 2,
  },
  {
    what: 'everything and more',
    args: ['plan', ...whole, '-f', 'all', '-f', 'class=1'],
    says: 'lethe: usage: --forget all is everything already; leave the other selectors out.',
    exit: 2,
  },
  {
    what: 'an output that is the model',
    args: ['forget', ...whole, '-f', 'class=1', '-o', './mlp.onnx'],
    says: 'lethe: usage: --out "./mlp.onnx" is a file that the command reads; choose another name.',
    exit: 2,
  },
  {
    what: 'a configuration that is not JSON',
    args: [...importance('mlp.onnx'), '--config', 'broken.json'],
    says: /^lethe: config-invalid: "broken\.json" is not JSON\b/,
  },
]

const outputs: readonly Row[] = [
  {
    what: 'an output in a folder that is not there',
    args: importance('mlp.onnx', 'data.npz', 'nowhere/out.safetensors'),
    says: 'lethe: unwritable: "nowhere/out.safetensors" cannot be written: its folder does not exist; create it first.',
  },
  {
    what: 'an output whose name a folder has',
    args: ['forget', ...whole, '-f', 'class=1', '--share', '0.5', '-o', 'taken'],
    says: 'lethe: unwritable: "taken" cannot be written: a folder is in its place; choose another name.',
  },
]

describe.each(Object.entries({ models, data, requests, wrongUse, outputs }))('refused: %s', (_, rows) => {
  it.each(rows)('$what', async ({ args, says, exit = 1 }) => {
    const before = readdirSync(folder)
    const { code, line } = await refusalOf(args)
    expect({ code, line }).toEqual({ code: exit, line: typeof says === 'string' ? says : expect.stringMatching(says) })
    expect(readdirSync(folder)).toEqual(before)
  })
})

describe('an output that cannot be written', () => {
  it.each([
    { what: 'importance', args: importance('missing.onnx', 'missing.npz', 'taken') },
    { what: 'forget', args: ['forget', '-m', 'missing.onnx', '-f', 'class=1', '-o', 'taken'] },
  ])('is told by $what before anything else is looked at', async ({ args }) => {
    const { code, stdout, stderr } = await lethe(folder, args)
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'lethe: unwritable: "taken" cannot be written: a folder is in its place; choose another name.\n',
    })
  })

  it('may be the record of forget', async () => {
    mkdirSync(at('record.onnx.json'))
    const { code, line } = await refusalOf(['forget', ...whole, '-f', 'class=1', '-o', 'record.onnx'])
    expect({ code, line }).toEqual({
      code: 1,
      line: 'lethe: unwritable: "record.onnx.json" cannot be written: a folder is in its place; choose another name.',
    })
  })
})

describe('a refusal', () => {
  it('names R for a threshold from R on, before it does any work', async () => {
    const { code, stdout, stderr } = await lethe(folder, ['plan', ...whole, '-f', 'class=1', '--alpha', '4'])
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'lethe: strength-void: α = 4 selects nothing: the forget set is 1/4 of the data, so no weight can matter to it more than R = 4 times as much as to all of it. Choose α below R = 4, or --auto.\n',
    })
  })

  it('shows its stack with --debug alone, after the line', async () => {
    const { code, stderr } = await lethe(folder, ['inspect', 'text.onnx', '--debug'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^lethe: not-onnx: .+\nLetheError: .+\n {4}at /)
  })
})

describe('a full disk', () => {
  const rows: readonly { readonly verb: string; readonly first?: string; readonly args: (out: string) => string[] }[] =
    [
      { verb: 'importance', args: (out) => importance('mlp.onnx', 'data.npz', out) },
      // The record and the model are made together, the record first.
      {
        verb: 'forget',
        first: '.json',
        args: (out) => ['forget', ...whole, '-f', 'class=1', '--share', '0.5', '-o', out],
      },
      // The checkpoint of the first epoch is what is written first.
      {
        verb: 'train',
        first: '.part',
        args: (out) => ['train', '-d', 'data.npz', '--arch', 'mlp', '--epochs', '1', '-o', out],
      },
    ]
  it.for(rows)('is told by $verb, and nothing is left half-written', async ({ args, first = '' }, { skip }) => {
    const disk = newDisk('size=16k')
    if ('reason' in disk) return skip(disk.reason)
    writeFileSync(join(disk.folder, 'full'), new Uint8Array(16384))
    const out = join(disk.folder, 'out')
    const { code, line } = await refusalOf(args(out))
    expect({ code, line }).toEqual({
      code: 1,
      line: `lethe: disk-full: No room to write "${out}${first}": the disk is full. Nothing was left half-written.`,
    })
    expect(readdirSync(disk.folder)).toEqual(['full'])
  })
})
