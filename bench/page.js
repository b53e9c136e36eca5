// @ts-check
// docs/performance.md with its pictures, made of the results that lie under bench/results. Usage: node bench/page.js (after npm run build)
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bar, colours, figure, figureWidth, fixed, legend, line, mark, write } from '../dist/report/figures/frame.js'
import { median } from './shared.js'

const root = resolve(import.meta.dirname, '..')
const results = join(root, 'bench', 'results')
/** @param {string} name @returns {any} */
const read = (name) => {
  const path = join(results, `${name}.json`)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}
/** @param {string} name */
const list = (name) => {
  const path = join(results, `${name}.md`)
  if (!existsSync(path)) return [`Not measured yet: \`bench/results/${name}.md\` is not there.`]
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text.startsWith('- '))
}

/** A processor as prose has it. @param {string} cpu */
const plain = (cpu) => cpu.replace(/\((R|TM)\)/g, '')
/** Version, day and processor that a result was measured on: not all results are made anew at once. @param {string} name */
const measuredOn = (name) => {
  const { commit, date, cpu } = read(name)?.environment ?? {}
  return commit ? ['', `(${[`commit ${commit}`, date, cpu && plain(cpu)].filter(Boolean).join(', ')})`] : []
}
/** @param {string} name */
const dated = (name) => [...list(name), ...measuredOn(name)]
/** All sections of a result, their headings two levels lower. @param {string} name */
const sections = (name) => {
  const path = join(results, `${name}.md`)
  if (!existsSync(path)) return list(name)
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const own = lines.slice(lines.findIndex((text) => text.startsWith('## ')))
  return [...own.map((text) => text.replace(/^## /, '#### ')), ...measuredOn(name)]
}

const titles = {
  resnet18: 'ResNet-18, 32 × 32 (11.2 M)',
  resnet20: 'ResNet-20, 32 × 32 (0.27 M)',
  'vit-tiny': 'ViT-Tiny/16, 224 × 224 (5.7 M)',
  'vit-base': 'ViT-Base/16, 224 × 224 (86 M)',
  'text-6': 'transformer of 6 layers, 128 tokens (49 M)',
  mobilenetv2: 'MobileNetV2, 224 × 224 (3.5 M)',
  'convnext-tiny': 'ConvNeXt-Tiny, 224 × 224 (29 M)',
}
const ways = [
  { label: 'Lethe exact', short: 'Lethe, exact', colour: colours.retained },
  { label: 'Lethe grouped', short: 'Lethe, grouped', colour: colours.unseen },
  { label: 'Lethe sketch', short: 'Lethe, sketch', colour: colours.unseen },
  { label: 'PyTorch batch-mean (64), published', short: 'PyTorch, published loop', colour: colours.muted },
  { label: 'PyTorch vmap(grad), exact', short: 'PyTorch, vmap (exact)', colour: colours.forgotten },
  { label: 'PyTorch hooks, exact', short: 'PyTorch, hooks (exact)', colour: colours.forgotten },
  { label: 'PyTorch batches of one, exact', short: 'PyTorch, one by one (exact)', colour: colours.forgotten },
]

/** What was measured of importances on each processor, the newest first. */
const processors = readdirSync(join(results, 'importance'))
  .map((folder) => {
    const measured = Object.entries(titles).flatMap(([name, title]) => {
      const at = `importance/${folder}/${name}`
      const result = read(at)
      return result ? [{ at, title, result }] : []
    })
    const dates = measured.map(({ result }) => result.environment.date)
    return { folder, measured, date: dates.sort().at(-1) ?? '' }
  })
  .filter(({ measured }) => measured.length > 0)
  .sort((a, b) => b.date.localeCompare(a.date) || b.folder.localeCompare(a.folder))

/** Median over the rounds of one way's rate by another's. @param {any} result @param {string} a @param {string} b */
function ratio(result, a, b) {
  const [x, y] = [result.passes[a] ?? [], result.passes[b] ?? []]
  return median(
    x.map((/** @type {{ rate: number }} */ p, /** @type {number} */ i) => p.rate / (y[i]?.rate ?? Number.NaN)),
  )
}

/** Rates of all ways relative to the published loop, as bars. @param {(typeof processors)[number]} processor */
function drawRates({ measured }) {
  const [left, height, gap] = [176, 15, 26]
  let [y, body] = [34, '']
  for (const { title, result } of measured) {
    body += write(0, y + 12, title, { weight: 650 })
    y += 20
    const rows = ways.map((way) => ({ ...way, value: ratio(result, way.label, 'PyTorch batch-mean (64), published') }))
    const most = Math.max(...rows.map((row) => row.value), 1)
    const scale = (figureWidth - left - 44) / most
    for (const { short, colour, value } of rows) {
      body += write(left - 8, y + 12, short, { anchor: 'end', size: 11.5 })
      body += bar(left, y + 1, value * scale, height - 2, colour, short.includes('sketch') ? 0.6 : 1)
      body += write(figureWidth - 6, y + 12, value.toFixed(2), { anchor: 'end', size: 11.5 })
      y += height
    }
    body += line(left + scale, y - height * rows.length - 2, left + scale, y + 2, colours.text, 1, '3 3')
    y += gap
  }
  return figure(
    'Examples a second, relative to the published loop (1)',
    'Bars for each network and way; longer is faster',
    y,
    body,
  )
}

/**
 * Curves over logarithmic axes, one panel under another.
 * @param {{ title: string, x: string, points: { x: number, y: number }[][], names: string[], unit: string }[]} panels
 */
function drawGrowth(panels) {
  const [left, width, tall] = [52, figureWidth - 70, 150]
  const marks = /** @type {const} */ (['dot', 'square'])
  const tones = [colours.retained, colours.forgotten]
  let [top, body] = [30, '']
  for (const { title, x, points, names, unit } of panels) {
    const all = points.flat()
    if (all.length === 0) continue
    const range = (/** @type {number[]} */ values) => [
      Math.log10(Math.min(...values)) - 0.05,
      Math.log10(Math.max(...values)) + 0.05,
    ]
    const [x0 = 0, x1 = 1] = range(all.map((p) => p.x))
    const ys = all.map((p) => p.y)
    // At least a decade, so that what is flat looks flat.
    const [low = 0, high = 1] = range(ys)
    const pad = Math.max(0, 1 - (high - low)) / 2
    const [y0, y1] = [low - pad, high + pad]
    const at = (/** @type {{ x: number, y: number }} */ p) => ({
      x: left + ((Math.log10(p.x) - x0) / (x1 - x0)) * width,
      y: top + 26 + tall - ((Math.log10(p.y) - y0) / (y1 - y0)) * tall,
    })
    body += write(0, top + 10, title, { weight: 650 })
    const floor = top + 26 + tall
    body += line(left, floor, left + width, floor, colours.grid) + line(left, top + 26, left, floor, colours.grid)
    for (const tick of [1, 2, 3].flatMap((k) =>
      [...new Set(all.map((p) => p.x))].slice(k - 1, k === 3 ? undefined : k),
    )) {
      const { x: px } = at({ x: tick, y: all[0]?.y ?? 1 })
      body += write(px, floor + 15, tick >= 1e6 ? `${(tick / 1e6).toFixed(0)} M` : tick.toLocaleString('en-US'), {
        anchor: 'middle',
        size: 11,
        fill: colours.muted,
      })
    }
    for (const value of [Math.min(...ys), Math.max(...ys)]) {
      const { y } = at({ x: all[0]?.x ?? 1, y: value })
      body += write(left - 6, y + 4, value >= 10 ? value.toFixed(0) : value.toPrecision(2), {
        anchor: 'end',
        size: 11,
        fill: colours.muted,
      })
    }
    points.forEach((curve, i) => {
      const tone = tones[i] ?? colours.muted
      const placed = curve.map(at)
      body += `<polyline points="${placed.map((p) => `${fixed(p.x)},${fixed(p.y)}`).join(' ')}" fill="none" stroke-width="1.8" style="stroke:${tone}"/>`
      for (const p of placed) body += mark(marks[i] ?? 'dot', p.x, p.y, tone)
    })
    body += write(left + width, floor + 31, x, { anchor: 'end', size: 11.5, fill: colours.muted })
    body += write(left, top + 24, unit, { size: 11, fill: colours.muted })
    const key = legend(
      floor + 34,
      names.map((text, i) => ({
        symbol: (px, py) => mark(marks[i] ?? 'dot', px, py, tones[i] ?? colours.muted),
        text,
      })),
    )
    body += names.length > 1 ? key.svg : ''
    top = floor + 62
  }
  return figure('How cost grows', 'Curves over logarithmic axes', top, body)
}

function growthPanels() {
  const [memory, growth] = [read('memory-resnet20-cifar10'), read('growth')]
  const panels = []
  if (memory) {
    const of = (/** @type {string} */ estimator, /** @type {string} */ what) =>
      memory.runs
        .filter((/** @type {any} */ r) => r.estimator === estimator)
        .map((/** @type {any} */ r) => ({ x: r.size, y: r[what] }))
    panels.push(
      {
        title: 'Time against examples',
        x: 'images (ResNet-20)',
        unit: 'seconds',
        names: ['exact', 'grouped'],
        points: [of('exact', 'seconds'), of('grouped', 'seconds')],
      },
      {
        title: 'Memory against examples',
        x: 'images (ResNet-20)',
        unit: 'peak, MiB',
        names: ['exact', 'grouped'],
        points: [of('exact', 'peakMiB'), of('grouped', 'peakMiB')],
      },
    )
  }
  if (growth) {
    const of = (/** @type {string} */ grows, /** @type {string} */ x, /** @type {(row: any) => number} */ y) =>
      growth.rows
        .filter((/** @type {any} */ r) => r.grows === grows)
        .map((/** @type {any} */ r) => ({ x: r[x], y: y(r) }))
    panels.push(
      {
        title: 'Time of a product against parameters',
        x: 'weights',
        unit: 'picoseconds a multiplication of the forward pass',
        names: ['exact'],
        points: [of('parameters', 'weights', (r) => 1e12 / r.exact / r.multiplications)],
      },
      {
        title: 'Memory against parameters',
        x: 'weights',
        unit: 'peak, MiB',
        names: ['exact'],
        points: [of('parameters', 'weights', (r) => r.peakMiB)],
      },
      {
        title: 'Time against classes',
        x: 'classes',
        unit: 'ms an example',
        names: ['exact'],
        points: [of('classes', 'classes', (r) => 1000 / r.exact)],
      },
    )
  }
  return panels
}

/** @param {(typeof processors)[number]['measured'][number]} measured */
function rowOf({ at, title, result }) {
  const share = (/** @type {string} */ label) => (3 * ratio(result, label, 'Lethe forward')).toFixed(2)
  const exactPeers = ['PyTorch batches of one, exact', 'PyTorch vmap(grad), exact', 'PyTorch hooks, exact']
  const rate = (/** @type {string} */ label) =>
    median((result.passes[label] ?? []).map((/** @type {{ rate: number }} */ p) => p.rate))
  const best = exactPeers.reduce((a, b) => (rate(a) > rate(b) ? a : b))
  const peak = median(result.passes.peak.map((/** @type {{ flops: number }} */ p) => p.flops))
  const ofPeak = (300 * result.flops * rate('Lethe exact')) / peak
  const number = (/** @type {number} */ n) => n.toFixed(n < 20 ? 1 : 0)
  return `| [${title}](../bench/results/${at}.md) | ${number(rate('Lethe exact'))} | ${share('Lethe exact')} | ${share('Lethe grouped')} | ${share('Lethe sketch')} | ${ofPeak.toFixed(0)} % | ${ratio(result, 'Lethe exact', best).toFixed(2)} | ${ratio(result, 'Lethe exact', 'PyTorch batch-mean (64), published').toFixed(2)} |`
}

/** Versions of the results of a processor, each with its day. @param {(typeof processors)[number]} processor */
function versionsOf({ measured }) {
  const versions = measured.map(({ result: { environment: e } }) => `commit ${e.commit}, ${e.date}`)
  return [...new Set(versions)].join('; ')
}

/** @param {(typeof processors)[number]} processor */
function sectionOf(processor) {
  const [{ environment: env, passes }] = processor.measured.map(({ result }) => result)
  const peak = median(passes.peak.map((/** @type {{ flops: number }} */ p) => p.flops))
  return [
    `### ${plain(env.cpu)}`,
    '',
    `${env.cores} cores with a single-precision matrix product of ${(peak / 1e9).toFixed(0)} GFLOP/s together, Node ${env.node} (${versionsOf(processor)})`,
    '',
    '| network (weights) | exact, examples/s | exact, share of the mark | grouped | sketch | exact, share of the peak | against the fastest exact way in PyTorch | against the published loop |',
    '|---|---|---|---|---|---|---|---|',
    ...processor.measured.map(rowOf),
    '',
    `![Examples a second of Lethe and of PyTorch, relative to the published loop, for each network](images/${pictureOf(processor)})`,
    '',
  ]
}

/** @param {(typeof processors)[number]} processor */
const pictureOf = ({ folder }) => `rates-${folder}.svg`

const prose = readFileSync(join(import.meta.dirname, 'performance.md'), 'utf8')
/** @type {Record<string, string[]>} */
const parts = {
  rates: processors.flatMap(sectionOf),
  targets: processors.flatMap(({ measured }) => [
    `On ${plain(measured[0]?.result.environment.cpu)}:`,
    '',
    ...measured.flatMap(({ at, title }) => [`- ${title}`, ...list(at).map((text) => `  ${text}`)]),
    '',
  ]),
  growth: [...dated('memory-resnet20-cifar10'), '', ...dated('growth')],
  request: dated('request'),
  pictures: dated('pictures'),
  transform: dated('transform'),
  profile: sections('profile'),
  sampled: dated('sampled'),
}
const text = prose.replace(/^\{\{(\w+)\}\}$/gm, (_, name) => {
  const part = parts[name]
  if (!part) throw new Error(`bench/performance.md asks for "${name}", which is not there.`)
  return part.join('\n')
})
writeFileSync(join(root, 'docs', 'performance.md'), text)
const images = join(root, 'docs', 'images')
for (const name of readdirSync(images)) if (/^rates\b.*\.svg$/.test(name)) rmSync(join(images, name))
for (const processor of processors) writeFileSync(join(images, pictureOf(processor)), `${drawRates(processor)}\n`)
writeFileSync(join(images, 'growth.svg'), `${drawGrowth(growthPanels())}\n`)
