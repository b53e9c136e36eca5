// @ts-check
// The page: a model and its data, a class to forget, progress, and what came of it. Usage: node examples/browser/serve.js
import { complement, drawPeople, isLetheError, npzDataset, openLethe, select, subset } from 'lethe/web'

/** @typedef {import('lethe/web').Dataset} Dataset */

/** The element of an id, of the kind that it is meant to be. @template {HTMLElement} T @param {string} id @param {new () => T} kind */
function at(id, kind) {
  const element = document.getElementById(id)
  if (element instanceof kind) return element
  throw new Error(`The page has no ${id}.`)
}

const form = at('form', HTMLFormElement)
const classes = at('class', HTMLSelectElement)
const work = at('work', HTMLElement)
const result = at('result', HTMLElement)
const problem = at('problem', HTMLElement)
const bar = at('progress', HTMLProgressElement)

const size = { families: 4, personsPerFamily: 2 }
const faces = {
  data: drawPeople({ split: 'train', imagesPerPerson: 40, ...size }),
  test: drawPeople({ split: 'test', ...size }),
}
/** @type {{ data: Dataset, test?: Dataset } | undefined} */
let source = faces
let abort = new AbortController()

const isOwn = () => new FormData(form).get('source') === 'files'
const fileOf = (/** @type {string} */ id) => at(id, HTMLInputElement).files?.[0]
const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(1)} %`
const nameOf = (/** @type {Dataset} */ data, /** @type {number} */ label) => data.classes?.[label] ?? `class ${label}`

/** Classes of the chosen data, to choose from. */
async function showClasses() {
  const file = fileOf('data')
  source = isOwn() ? file && { data: await npzDataset(file) } : faces
  const data = source?.data
  const labels = data ? [...new Set(Array.from({ length: data.size }, (_, i) => data.label(i)))] : []
  classes.replaceChildren(...labels.sort((a, b) => a - b).map((l) => new Option(data && nameOf(data, l), String(l))))
  at('files', HTMLElement).hidden = !isOwn()
  at('start', HTMLButtonElement).disabled = labels.length < 2 || (isOwn() && !fileOf('model'))
}

/** @param {string} phase @param {{ done: number, total: number }} [progress] */
function tell(phase, progress) {
  if (progress) bar.value = progress.done / progress.total
  else bar.removeAttribute('value')
  at('phase', HTMLElement).textContent = progress ? `${phase}: ${progress.done} of ${progress.total}` : phase
}

async function forget() {
  if (!source) return
  const { data, test } = source
  const label = Number(classes.value)
  const device = at('device', HTMLSelectElement).value === 'webgpu' ? 'webgpu' : 'wasm'
  const model = (isOwn() && fileOf('model')) || 'faces.onnx'
  const { signal } = abort
  const begin = performance.now()
  tell('opening the model')
  const lethe = await openLethe({ model, data, test, device })
  try {
    const settings = { estimator: 'grouped', groupSize: 64 }
    const store = await lethe.importance({ settings, signal, onProgress: (p) => tell('importances', p) })
    const done = await lethe.forget(store, data.classes ? `class=${data.classes[label]}` : `label=${label}`, {
      signal,
      onProgress: tell,
    })
    const seconds = (performance.now() - begin) / 1000
    const rows = select(data, [{ kind: 'label', values: [label], minus: false }])
    const some = subset(
      data,
      Array.from({ length: 6 }, (_, i) => rows[Math.floor((i * rows.length) / 6)] ?? 0),
    )
    const [was, is] = [await lethe.evaluate(some), await lethe.evaluate(some, { changed: done.plan.changed })]
    await showFaces(some, was.outputs.logits, is.outputs.logits, lethe.network.classes)
    showResult(done, nameOf(data, label), complement(data.size, rows).length)
    const changed = done.plan.layers.reduce((n, l) => n + l.selected, 0)
    const all = done.plan.layers.reduce((n, l) => n + l.count, 0)
    const { workers, engine } = lethe.pool
    at('facts', HTMLElement).textContent =
      `${changed} of ${all} weights changed, ${seconds.toFixed(1)} s with ${workers} ${workers === 1 ? 'worker' : 'workers'} of ${engine.name}`
  } finally {
    await lethe.close()
  }
}

/** @param {import('lethe/web').WebForgotten} done @param {string} name @param {number} others */
function showResult({ verdict, before, after, bytes }, name, others) {
  const banner = at('verdict', HTMLElement)
  banner.dataset.state = verdict.state
  for (const [tag, text] of Object.entries({ strong: verdict.state, span: verdict.sentence })) {
    const part = banner.querySelector(tag)
    if (part) part.textContent = text
  }
  const sets = /** @type {const} */ ([
    ['forget', `${name}, training pictures`],
    ['unseen', `${name}, unseen pictures`],
    ['retain', others > 0 ? 'the other classes, training pictures' : ''],
    ['test', 'the other classes, unseen pictures'],
  ])
  at('rows', HTMLElement).replaceChildren()
  for (const [set, title] of sets) {
    const [then, now] = [before.facts[set], after.facts[set]]
    if (!then || !now) continue
    const row = document.createElement('tr')
    for (const [tag, text] of [
      ['th', title],
      ['td', percent(then.accuracy.value)],
      ['td', percent(now.accuracy.value)],
    ]) {
      row.append(Object.assign(document.createElement(tag ?? ''), { textContent: text }))
    }
    at('rows', HTMLElement).append(row)
  }
  const blob = new Blob([new Uint8Array(bytes)], { type: 'application/octet-stream' })
  at('save', HTMLElement).onclick = () => {
    const href = URL.createObjectURL(blob)
    Object.assign(document.createElement('a'), { href, download: 'forgotten.onnx' }).click()
    URL.revokeObjectURL(href)
  }
  result.hidden = false
}

/** Pictures with the answers before and after. @param {Dataset} data @param {Float32Array} was @param {Float32Array} is @param {number} K */
async function showFaces(data, was, is, K) {
  const answer = (/** @type {Float32Array} */ logits, /** @type {number} */ i) => {
    const row = logits.subarray(i * K, (i + 1) * K)
    return nameOf(data, row.indexOf(Math.max(...row)))
  }
  const items = []
  for (let i = 0; i < data.size; i++) {
    const picture = await data.read(i)
    if (picture.kind !== 'image' || picture.channels !== 3) continue
    const { width, height, pixels } = picture
    const rgba = new Uint8ClampedArray(width * height * 4).fill(255)
    for (let p = 0; p < width * height; p++) rgba.set(pixels.subarray(p * 3, p * 3 + 3), p * 4)
    const canvas = Object.assign(document.createElement('canvas'), { width, height })
    canvas.getContext('2d')?.putImageData(new ImageData(rgba, width), 0, 0)
    const item = document.createElement('li')
    const [old, now] = [document.createElement('s'), document.createElement('b')]
    old.textContent = answer(was, i)
    now.textContent = answer(is, i)
    item.append(canvas, old, now)
    items.push(item)
  }
  at('faces', HTMLElement).replaceChildren(...items)
}

/** @param {boolean} isWorking */
function setWorking(isWorking) {
  work.hidden = !isWorking
  for (const id of ['start', 'class', 'device', 'source']) at(id, HTMLElement).toggleAttribute('disabled', isWorking)
}

function showProblem(/** @type {unknown} */ error) {
  if (isLetheError(error) && error.code === 'cancelled') return
  problem.textContent = error instanceof Error ? error.message : String(error)
  problem.hidden = false
}

form.addEventListener('change', () => {
  problem.hidden = true
  showClasses().catch(showProblem)
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  abort = new AbortController()
  problem.hidden = true
  result.hidden = true
  setWorking(true)
  forget()
    .catch(showProblem)
    .finally(() => setWorking(false))
})
at('stop', HTMLElement).addEventListener('click', () => abort.abort())
await showClasses()
