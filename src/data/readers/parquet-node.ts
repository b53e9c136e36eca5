import { openRecords } from '../records/open-records-node.js'
import { fileSource } from './file-source-node.js'
import { parquetTable } from './parquet.js'
import type { Reader } from './reader.js'
import { holdsRecords, recordParts } from './record-parts.js'

const ending = /\.parquet$/i

/**
 * Parquet: columns `text`, token ids and `label`, or numbers; a file, or a folder as Hugging Face's `datasets` writes it
 * (`train-00000-of-00002.parquet`, `test-…`); see `openRecords`. Names of classes are read from its metadata.
 */
export const parquetReader: Reader = {
  name: 'parquet',
  takes: 'a .parquet file with columns text and label, token ids, or numbers, or a folder of train-… and test-… ones',
  matches: (place) => holdsRecords(place, ending),
  open: (place, options) =>
    openRecords(place, recordParts(place, ending, options.split), options.records, async (path) =>
      parquetTable(await fileSource(path)),
    ),
}
