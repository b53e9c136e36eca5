import { cifarReader } from './cifar-node.js'
import { csvReader } from './csv-node.js'
import { idxReader } from './idx-node.js'
import { imageFolderReader } from './image-folder-node.js'
import { jsonlReader } from './jsonl-node.js'
import { npyReader, npzReader } from './npz-node.js'
import { parquetReader } from './parquet-node.js'
import type { Reader } from './reader.js'

/** All readers, in the order in which they are asked whether a place is theirs. */
export const readers: readonly Reader[] = [
  cifarReader,
  idxReader,
  npzReader,
  npyReader,
  jsonlReader,
  parquetReader,
  csvReader,
  imageFolderReader,
]
