import { z } from 'zod'
import { LetheError } from '../../errors.js'
import { type Filter, type Preprocessing, preprocessingSchema, type Resize } from './preprocessing.js'

const side = z.int().positive()
const size = z.union([
  side,
  z.object({ height: side, width: side }),
  z.object({ shortest_edge: side, longest_edge: z.undefined().optional() }),
])

const schema = z.object({
  do_resize: z.boolean().optional(),
  size: size.optional(),
  resample: z.int().optional(),
  do_center_crop: z.boolean().optional(),
  crop_size: size.optional(),
  do_rescale: z.boolean().optional(),
  rescale_factor: z.number().optional(),
  do_normalize: z.boolean().optional(),
  image_mean: z.union([z.number(), z.array(z.number())]).optional(),
  image_std: z.union([z.number(), z.array(z.number())]).optional(),
  do_flip_channel_order: z.boolean().optional(),
  crop_pct: z.number().nullable().optional(),
  do_pad: z.literal(false).nullable().optional(),
})

type Config = z.infer<typeof schema>

/** Filters by Pillow's number (`PIL.Image.Resampling`); 5 is Hamming, which is not known here. */
const filterOf: Readonly<Record<number, Filter>> = { 0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic', 4: 'box' }

/**
 * Preprocessing of a `preprocessor_config.json` of the Hugging Face hub: `size`, `crop_size`, `resample`,
 * `rescale_factor`, `image_mean`, `image_std` and their `do_…` switches. A step is on where its values are given and its
 * switch is not off. A bare number as `size` is the shorter edge where there is a crop, both sides otherwise.
 * Throws `config-invalid` naming the field, also for steps that are not known here (`crop_pct`, `do_pad`).
 */
export function preprocessingOf(value: unknown): Preprocessing {
  const config = parse(schema, value)
  if (config.crop_pct != null) throw invalid('crop_pct', 'is not known; declare resize and crop in lethe.json')
  const mean = config.do_normalize === false ? undefined : config.image_mean
  const std = config.do_normalize === false ? undefined : config.image_std
  const resize = config.do_resize === false ? undefined : resizeOf(config)
  const crop = config.do_center_crop === false ? undefined : cropOf(config)
  return parse(preprocessingSchema, {
    ...(resize && { resize }),
    ...(crop && { crop }),
    rescale: config.do_rescale === false ? 1 : (config.rescale_factor ?? 1 / 255),
    ...(mean !== undefined && { mean }),
    ...(std !== undefined && { std }),
    channels: config.do_flip_channel_order ? 'BGR' : 'RGB',
  })
}

function parse<T extends z.ZodType>(form: T, value: unknown): z.infer<T> {
  const parsed = form.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw invalid(issue?.path.join('.') || 'the file', issue?.message ?? 'is not known')
}

function resizeOf(config: Config): Resize | undefined {
  if (config.size === undefined) return undefined
  const filter = filterOf[config.resample ?? 2]
  if (!filter) throw invalid('resample', `${config.resample} is not known; known are ${Object.keys(filterOf)}`)
  if (typeof config.size !== 'number') {
    if ('shortest_edge' in config.size) return { shortestEdge: config.size.shortest_edge, filter }
    return { width: config.size.width, height: config.size.height, filter }
  }
  const cropped = config.crop_size !== undefined && config.do_center_crop !== false
  return cropped ? { shortestEdge: config.size, filter } : { width: config.size, height: config.size, filter }
}

function cropOf({ crop_size: crop }: Config): Preprocessing['crop'] {
  if (crop === undefined) return undefined
  if (typeof crop === 'number') return { width: crop, height: crop }
  if ('shortest_edge' in crop) return { width: crop.shortest_edge, height: crop.shortest_edge }
  return { width: crop.width, height: crop.height }
}

function invalid(field: string, what: string): LetheError {
  return new LetheError('config-invalid', `preprocessor_config.json: ${field}: ${what}.`, { field })
}
