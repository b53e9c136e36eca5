import type { ReportFacts } from '../../src/report/facts.js'
import { countInto, lossEdges } from '../../src/report/histogram.js'

/** Facts of an invented run, as the demonstration would hand them over. */
export function sampleFacts(): ReportFacts {
  const edges = lossEdges()
  const spread = (middle: number, count: number): number[] =>
    countInto(
      edges,
      Array.from({ length: count }, (_, i) => middle * 10 ** (1.6 * (((i * 0.618034) % 1) + ((i * 0.414214) % 1) - 1))),
    )
  return {
    title: 'Forgetting person p07',
    verdict: {
      state: 'forgotten',
      sentence:
        'The model has forgotten person p07: it recognises 21.3 % of their pictures, as a model that never saw them does (22.5 %), and the rest lost 0.4 points. This rests on a retrained model and two membership attacks.',
      limits: [
        'Stronger attacks than the two that were tried may still find traces.',
        'The pictures themselves, and copies of the old model, are not touched.',
      ],
    },
    when: '1 March 2026, 12:00 UTC',
    software: 'Lethe 0.1.0',
    asked: { task: 'One person', selector: 'person=p07', forgetCount: 80, retainCount: 3120, testCount: 800 },
    models: [
      model('original', 0.9987, 0.9991, 0.9742, 0.731, 0.062, 41.2),
      model('forgotten', 0.2125, 0.9951, 0.9701, 0.512, 0.0125, 2.31),
      model('retrained', 0.225, 0.999, 0.9688, 0.497, 0.01, 200),
    ],
    strength: {
      estimator: 'grouped',
      alpha: 14.8,
      lambda: 0.3,
      tau: 0.37,
      ratio: 40,
      selected: 812,
      parameters: 28584,
    },
    tradeoff: [1, 0.3].flatMap((lambda) =>
      [0.9, 0.7, 0.55, 0.45, 0.37, 0.3, 0.22].map((tau, k) => ({
        tau,
        lambda,
        forgetAccuracy: Math.max(0.02, 0.99 - (lambda === 1 ? 0.012 : 0.05) * (k + 0.4) ** 2),
        retainAccuracy: 0.999 - (lambda === 1 ? 0.0006 : 0.0008) * k * k,
        chosen: lambda === 0.3 && tau === 0.37,
      })),
    ),
    groups: {
      kind: 'person',
      accuracies: Array.from({ length: 40 }, (_, p) => ({
        name: `p${String(p).padStart(2, '0')}`,
        before: 1 - (p % 5) * 0.004,
        after: p === 7 ? 0.2125 : 0.996 - (p % 7) * 0.006 - (p === 5 ? 0.06 : 0),
        retrained: p === 7 ? 0.225 : 0.999,
        forgotten: p === 7,
      })),
    },
    losses: {
      edges,
      before: { forgotten: spread(0.004, 80), retained: spread(0.003, 3120), unseen: spread(0.02, 800) },
      after: { forgotten: spread(1.9, 80), retained: spread(0.004, 3120), unseen: spread(0.025, 800) },
    },
    layers: [
      { name: 'conv1.weight', count: 432, selected: 3, meanFactor: 0.71 },
      { name: 'conv2.weight', count: 4608, selected: 61, meanFactor: 0.52 },
      { name: 'conv3.weight', count: 18432, selected: 602, meanFactor: 0.38 },
      { name: 'fc.weight', count: 8192, selected: 146, meanFactor: 0.22 },
      { name: 'fc.bias', count: 8, selected: 0, meanFactor: 1 },
    ],
    digests: [
      { role: 'model before', name: 'original.onnx', sha256: 'a3'.repeat(32) },
      { role: 'model after', name: 'forgotten.onnx', sha256: '5c'.repeat(32) },
    ],
    settings: [
      { name: 'seed', value: 0 },
      { name: 'group size', value: 512 },
    ],
  }
}

function model(
  name: string,
  forgetAccuracy: number,
  retainAccuracy: number,
  testAccuracy: number,
  attackAuc: number,
  attackTpr: number,
  seconds: number,
): ReportFacts['models'][number] {
  return { name, forgetAccuracy, retainAccuracy, testAccuracy, attackAuc, attackTpr, seconds }
}
