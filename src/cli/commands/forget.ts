import { stat } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { basename } from 'node:path'
import { idsText, makeRecord, type RunRecord, recordText } from '../../evidence/record.js'
import { writeFileAtomic } from '../../files/atomic-node.js'
import { sha256Hex } from '../../files/digest-node.js'
import { version } from '../../version.js'
import { saveModel } from '../../workspace/model-node.js'
import { judgeRequest, type PlannedRequest, planRequest } from '../../workspace/request.js'
import type { Workspace } from '../../workspace/workspace-node.js'
import type { Verb } from '../command.js'
import { factRows } from '../facts-text.js'
import { dataOptions, forgetOptions, modelOptions, required, strengthOptions } from '../options.js'
import { headline, planJson } from '../plan-text.js'
import { openData, openModel, openStore, preprocessingOf, selectorsOf, settingsOf, strengthOf } from '../session.js'

/** `lethe forget`: the model that has forgotten, an honest verdict, and the record of everything that went in and came out. */
export const forget: Verb = {
  name: 'forget',
  summary: 'write a model that has forgotten the records, with a verdict and a record of the run',
  configure: (program) =>
    strengthOptions(forgetOptions(dataOptions(modelOptions(program)))).option(
      '-o, --out <file>',
      'model to write (.onnx); the record is written beside it as <file>.json',
    ),
  async run(options, _, terminal) {
    const settings = await settingsOf(options)
    const out = required(options, 'out', '--out')
    const strength = strengthOf(options, terminal)
    const { texts, selectors } = await selectorsOf(options)
    const { path: storePath, store, bytes } = await openStore(options)
    terminal.say(
      `forgetting ${texts.join(' ')} with the importances of ${store.importance.count.toLocaleString('en-US')} examples (${store.importance.settings.estimator})`,
    )
    const { data, test, probe } = await openData(settings)
    const workspace = await openModel(settings, data, preprocessingOf(settings, store))
    try {
      const bars = new Map<string, ReturnType<typeof terminal.progress>>()
      const request = await planRequest(workspace, {
        store,
        data,
        selectors,
        seed: Number(options.seed ?? 0),
        test,
        probe,
        strength,
        signal: terminal.signal,
        onProgress(phase, at) {
          const bar = bars.get(phase) ?? terminal.progress(phase, phase === 'strengths' ? 'strengths' : 'examples')
          bars.set(phase, bar)
          bar(at)
        },
      })
      if (request.plan.floor === 'not checked')
        terminal.warn('no retained data and no --probe: the floor is not checked.')
      if (request.task === 'records' && !request.sets.judges.unseen)
        terminal.warn('no --test data: whether the records can still be told from unseen ones is not measured.')
      const judged = await judgeRequest(workspace, request, { signal: terminal.signal })
      const digest = await saveModel(workspace.file, request.plan.changed, out)
      const record = makeRecord({
        ...(await environment()),
        command: 'forget',
        settings: {
          forget: [...texts],
          seed: Number(options.seed ?? 0),
          strength: JSON.parse(JSON.stringify(strength)),
          estimator: JSON.parse(JSON.stringify(store.importance.settings)),
          keep: request.plan.keep,
        },
        inputs: {
          model: {
            name: basename(workspace.file.path),
            ...(await fileFacts(workspace.file.path)),
            sha256: workspace.file.digest,
          },
          store: { name: basename(storePath), sizeBytes: bytes.byteLength, sha256: sha256Hex(bytes) },
          forget: {
            count: request.forgetIds.length,
            idsSha256: sha256Hex(idsText(request.forgetIds)),
            selectors: [...texts],
          },
        },
        outputs: { model: { name: basename(out), ...(await fileFacts(out)), sha256: digest } },
        strength: strengthEntry(request, strength.kind),
        evaluation: JSON.parse(JSON.stringify({ before: judged.before.facts, after: judged.after.facts })),
        verdict: JSON.parse(JSON.stringify(judged.verdict)),
        software: softwareOf(workspace),
      })
      await writeFileAtomic(`${out}.json`, recordText(record))
      return {
        json: {
          out,
          record: `${out}.json`,
          plan: planJson(request),
          verdict: judged.verdict,
          before: judged.before.facts,
          after: judged.after.facts,
        },
        text: [
          headline(request),
          '',
          factRows([
            ['before', judged.before],
            ['after', judged.after],
          ]),
          '',
          `verdict: ${judged.verdict.state}. ${judged.verdict.sentence}`,
          ...judged.verdict.advice.map((a) => `  → ${a}`),
          '',
          `${out}  and its record ${out}.json`,
        ].join('\n'),
      }
    } finally {
      await workspace.close()
    }
  },
}

async function fileFacts(path: string): Promise<{ sizeBytes: number }> {
  return { sizeBytes: (await stat(path)).size }
}

async function environment(): Promise<Pick<RunRecord, 'lethe' | 'when' | 'platform'>> {
  return {
    lethe: version,
    when: new Date().toISOString(),
    platform: {
      os: process.platform,
      arch: process.arch,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
    },
  }
}

function softwareOf({ pool }: Workspace): Record<string, string> {
  return { lethe: version, node: process.versions.node, [pool.engine.name]: pool.engine.version }
}

function strengthEntry({ plan }: PlannedRequest, kind: string): RunRecord['strength'] {
  return {
    method: 'ssd',
    chosen: kind === 'auto' ? 'found' : 'fixed',
    alpha: plan.alpha,
    lambda: plan.strength.lambda,
    share: plan.strength.share,
    selected: plan.layers.reduce((n, l) => n + l.selected, 0),
    parameters: plan.layers.reduce((n, l) => n + l.count, 0),
    floor: plan.floor,
  }
}
