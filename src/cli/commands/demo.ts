import { runDemo } from '../../demo/demo-node.js'
import { demoReport } from '../../demo/report-node.js'
import { tasks } from '../../demo/scenario.js'
import { writeFileAtomic } from '../../files/atomic-node.js'
import { writeReport } from '../../report/report.js'
import type { Verb } from '../command.js'
import { wholeNumber } from '../options.js'
import { percent, table } from '../terminal.js'

/** `lethe demo`: the whole path on drawn faces, against a model trained again from scratch. */
export const demo: Verb = {
  name: 'demo',
  summary: 'train on drawn faces, forget one person, compare with retraining, write report.html',
  configure: (program) =>
    program
      .option('--task <name>', tasks.join(', '), 'subclass')
      .option('--person <name>', 'whom to forget, p00 to p39 (task subclass)')
      .option('--seed <n>', 'seed of faces, training and choice', wholeNumber, 0)
      .option('-o, --out <file>', 'report to write', 'report.html')
      .option('--workers <n>', 'worker threads (default: one a core)', wholeNumber),
  async run(options, _, terminal) {
    const out = String(options.out)
    const bars = new Map<string, ReturnType<typeof terminal.progress>>()
    const begin = performance.now()
    const result = await runDemo({
      task: String(options.task),
      seed: Number(options.seed),
      person: options.person as string | undefined,
      workers: options.workers as number | undefined,
      signal: terminal.signal,
      onProgress(phase, at, unit) {
        const bar = bars.get(phase) ?? terminal.progress(phase, unit)
        bars.set(phase, bar)
        bar(at)
      },
    })
    const facts = await demoReport(result, new Date())
    await writeFileAtomic(out, writeReport(facts))
    const cell = (value: number | null, format: (v: number) => string): string => (value === null ? '–' : format(value))
    const rows: [string, (m: (typeof facts.models)[number]) => string][] = [
      [`accuracy on ${result.request.subject}`, (m) => cell(m.forgetAccuracy, percent)],
      ['accuracy on everybody else (test)', (m) => cell(m.testAccuracy, percent)],
      ['membership attack AUC', (m) => cell(m.attackAuc, (v) => v.toFixed(3))],
      ['seconds', (m) => cell(m.seconds, (v) => v.toFixed(1))],
    ]
    const { verdict } = result
    return {
      json: { ...facts, faces: undefined, verdict, report: out },
      text: [
        table(
          ['', ...facts.models.map((m) => m.name)],
          rows.map(([label, read]) => [label, ...facts.models.map(read)]),
        ),
        '',
        `verdict: ${verdict.state}. ${verdict.sentence}`,
        '',
        `${out}  (open it in a browser)  ${((performance.now() - begin) / 1000).toFixed(0)} s in all`,
      ].join('\n'),
    }
  },
}
