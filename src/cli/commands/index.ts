import type { ListedVerb } from '../command.js'

const [start, work, look] = ['Start here:', 'Forgetting:', 'Models and numbers:']

/** Every verb, in the order of the help. */
export const verbs: readonly ListedVerb[] = [
  {
    name: 'demo',
    summary: 'train on drawn faces, forget one person, compare with retraining, write report.html',
    group: start,
    examples: [
      ['lethe demo', 'forgets one person, in about a minute'],
      ['lethe demo --task class -o class.html', 'forgets a whole family'],
    ],
    load: async () => (await import('./demo.js')).demo,
  },
  {
    name: 'inspect',
    summary: 'show inputs, parameters, loss and the gradient state of every operator',
    group: start,
    examples: [['lethe inspect model.onnx', 'says whether the model is ready, and what to change where it is not']],
    load: async () => (await import('./inspect.js')).inspect,
  },
  {
    name: 'importance',
    summary: 'compute the importances of all training data, once, and store them',
    group: work,
    examples: [
      ['lethe importance -m model.onnx -d train/ -o train.safetensors', 'after a stop, the same command goes on'],
      [
        'lethe importance -m model.onnx -d train/ -o train.safetensors --estimator grouped',
        'the better choice where whole classes will be forgotten',
      ],
    ],
    resumes: true,
    load: async () => (await import('./importance.js')).importance,
  },
  {
    name: 'plan',
    summary: 'show what forgetting would select and cost, and write nothing',
    group: work,
    examples: [['lethe plan -m model.onnx -i train.safetensors -d train/ -f class=3', 'shares, layers, trade-off']],
    load: async () => (await import('./plan.js')).plan,
  },
  {
    name: 'forget',
    summary: 'write a model that has forgotten the records, with a verdict and a record of the run',
    group: work,
    examples: [
      [
        'lethe forget -m model.onnx -i train.safetensors -d train/ --test test/ -f class=3 -o forgotten.onnx',
        'forgets a class; the strength is found',
      ],
      [
        'lethe forget -m model.onnx -i train.safetensors -d forget/ --probe other/ -f all -o forgotten.onnx',
        'without the training data: the records to forget alone',
      ],
    ],
    load: async () => (await import('./forget.js')).forget,
  },
  {
    name: 'evaluate',
    summary: 'measure models on forget, retained and unseen data, with two membership attacks',
    group: work,
    examples: [
      ['lethe evaluate -m model.onnx -d train/ --test test/', 'accuracy overall and of each class'],
      [
        'lethe evaluate -m model.onnx -m forgotten.onnx -d train/ --test test/ -f class=3',
        'before and after, side by side',
      ],
    ],
    load: async () => (await import('./evaluate.js')).evaluate,
  },
  {
    name: 'check',
    summary: 'check the gradients made for a model against finite differences, on this machine',
    group: look,
    examples: [['lethe check model.onnx', 'on random inputs; add -d for real ones']],
    load: async () => (await import('./check.js')).check,
  },
  {
    name: 'export',
    summary: 'take the weights of a forgotten model back to a PyTorch state dict (safetensors)',
    group: look,
    examples: [
      [
        'lethe export weights forgotten.onnx --like model.safetensors -o forgotten.safetensors',
        'load_state_dict takes the result; add --original model.onnx where names are lost',
      ],
    ],
    load: async () => (await import('./export.js')).exportVerb,
  },
  {
    name: 'train',
    summary: 'train a classifier from scratch and write it as ONNX',
    group: look,
    examples: [
      ['lethe train --arch resnet20 -d cifar-10/ -o model.onnx --epochs 30 --crop 4 --flip', 'after a stop, goes on'],
    ],
    resumes: true,
    load: async () => (await import('./train.js')).train,
  },
]
