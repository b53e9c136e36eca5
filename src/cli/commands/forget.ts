import { stat } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { basename } from 'node:path'
import type { Dataset } from '../../data/dataset.js'
import { idsText, makeRecord, type RecordSetEntry, type RunRecord, recordText } from '../../evidence/record.js'
import { writeFilesAtomic } from '../../files/atomic-node.js'
import { digestOf, sha256Hex } from '../../files/digest-node.js'
import { version } from '../../version.js'
import { changedPieces } from '../../workspace/model-node.js'
import { judgeRequest, type PlannedRequest, planRequest } from '../../workspace/request.js'
import type { Workspace } from '../../workspace/workspace-node.js'
import type { Verb } from '../command.js'
import { factRows } from '../facts-text.js'
import { dataOptions, forgetOptions, modelOptions, required, strengthOptions } from '../options.js'
import { headline, planJson } from '../plan-text.js'
import { checkOutput, openRequest, settingsOf } from '../session.js'
import { count, wrapped } from '../terminal.js'

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
    const out = required(options, 'out', '--out')
    const recordPath = `${out}.json`
    const { model, attributes } = await settingsOf(options)
    for (const path of [out, recordPath])
      await checkOutput(path, [model, options.importance, options.config, 'lethe.json', attributes].filter(isText))
    const { workspace, request, texts, store } = await openRequest(options, terminal)
    try {
      const { count: size, settings } = request.store.importance
      terminal.say(
        `forgetting ${texts.join(' ')} with the importances of ${count(size)} examples (${settings.estimator})`,
      )
      const planned = await planRequest(workspace, request)
      if (planned.plan.floor === 'not checked')
        terminal.warn('no retained data and no --probe: the floor is not checked.')
      if (planned.task === 'records' && !planned.sets.judges.unseen)
        terminal.warn('no --test data: whether the records can still be told from unseen ones is not measured.')
      const judged = await judgeRequest(workspace, planned, request)
      const pieces = changedPieces(workspace.file, planned.plan.changed)
      const written = digestOf(pieces)
      const record = recordText(
        makeRecord({
          ...environment(),
          command: 'forget',
          settings: {
            forget: [...texts],
            seed: request.seed ?? 0,
            strength: plainJson(request.strength),
            estimator: plainJson(settings),
            preprocessing: plainJson(workspace.preprocessing),
            output: workspace.network.loss.output,
            loss: workspace.network.loss.loss,
            keep: planned.plan.keep,
            parameters: plainJson(request.parameters ?? {}),
          },
          inputs: {
            model: {
              name: basename(workspace.file.path),
              sizeBytes: (await stat(workspace.file.path)).size,
              sha256: workspace.file.sha256,
            },
            store: { name: basename(store.path), sizeBytes: store.bytes.byteLength, sha256: sha256Hex(store.bytes) },
            data: recordsOf(request.data),
            ...(request.probe && { probe: recordsOf(request.probe) }),
            forget: {
              count: planned.forgetIds.length,
              idsSha256: sha256Hex(idsText(planned.forgetIds)),
              selectors: [...texts],
            },
          },
          outputs: { model: { name: basename(out), ...written } },
          strength: strengthEntry(planned, request.strength?.kind),
          evaluation: plainJson({ before: judged.before.facts, after: judged.after.facts }),
          verdict: plainJson(judged.verdict) as RunRecord['verdict'],
          software: softwareOf(workspace),
        }),
      )
      // The record first: no model is ever without its record, and a record without its model is told by the digest in it.
      await writeFilesAtomic([
        { path: recordPath, content: record },
        { path: out, content: pieces },
      ])
      return {
        json: {
          out,
          record: recordPath,
          sha256: written.sha256,
          plan: planJson(planned),
          verdict: judged.verdict,
          before: judged.before.facts,
          after: judged.after.facts,
        },
        text: [
          headline(planned),
          '',
          factRows([
            ['before', judged.before],
            ['after', judged.after],
          ]),
          '',
          wrapped(`verdict: ${judged.verdict.state}. ${judged.verdict.sentence}`),
          ...judged.verdict.advice.map((a) => wrapped(`→ ${a}`, '  ')),
          '',
          `${out}  and its record ${recordPath}`,
        ].join('\n'),
      }
    } finally {
      await workspace.close()
    }
  },
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** A value as JSON keeps it: members that are undefined left out. */
function plainJson(value: unknown): RunRecord['settings'][string] {
  return JSON.parse(JSON.stringify(value ?? null)) as RunRecord['settings'][string]
}

/** A data set in the record: its name, and the digest of its ids. */
function recordsOf(data: Dataset): RecordSetEntry {
  const ids = Array.from({ length: data.size }, (_, i) => data.id(i))
  return { name: data.name, count: data.size, idsSha256: sha256Hex(idsText(ids)) }
}

function environment(): Pick<RunRecord, 'lethe' | 'when' | 'platform'> {
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

function strengthEntry({ plan }: PlannedRequest, kind = 'auto'): RunRecord['strength'] {
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
