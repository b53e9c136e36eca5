import { openRecords } from '../records/open-records-node.js'
import { fileSource } from './file-source-node.js'
import { jsonLines } from './jsonl.js'
import type { Reader } from './reader.js'
import { holdsRecords, recordParts } from './record-parts.js'

const ending = /\.(jsonl|ndjson)$/i

/**
 * JSON Lines: one object a line, with `text` (and `text_pair`) or token ids and a `label`, or numbers; see `openRecords`.
 * Read line by line; kept in memory are labels, attributes, and the place of each line.
 */
export const jsonlReader: Reader = {
  name: 'jsonl',
  takes:
    'a .jsonl or .ndjson file with one object a line (text and label, token ids, or numbers), or a folder of train and test ones',
  matches: (place) => holdsRecords(place, ending),
  open: (place, options) =>
    openRecords(place, recordParts(place, ending, options.split), options.records, async (path) =>
      jsonLines(await fileSource(path)),
    ),
}
