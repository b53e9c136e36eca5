import { readFile } from 'node:fs/promises'
import { readFault } from '../files/fault.js'
import { parseIds, parseSelector, type Selector } from './select.js'

/** Selectors of their texts, with the ids of `ids=FILE` read. Throws `usage`, `not-found`, `unreadable`. */
export async function readSelectors(texts: readonly string[]): Promise<Selector[]> {
  return Promise.all(
    texts.map(async (text) => {
      const written = parseSelector(text)
      if (written.kind !== 'ids-file') return written
      const ids = await readFile(written.path, 'utf8').catch((error: unknown) => {
        throw readFault(error, written.path)
      })
      return { kind: 'ids', ids: parseIds(ids), minus: written.minus } as const
    }),
  )
}
