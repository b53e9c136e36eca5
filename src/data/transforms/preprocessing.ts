import { z } from 'zod'

const side = z.int().positive()
const factor = z.number().refine(Number.isFinite)

/** Ways to weigh pixels when the size of a picture changes; named as in Pillow. */
export const filterNames = ['nearest', 'box', 'bilinear', 'bicubic', 'lanczos'] as const

const resizeSchema = z.union([
  z.strictObject({ width: side, height: side, filter: z.enum(filterNames).optional() }),
  z.strictObject({ shortestEdge: side, filter: z.enum(filterNames).optional() }),
])

/**
 * What is done to a picture before a model sees it: in the order of the fields, resize, centre crop, value·rescale,
 * (value − mean)/std per channel, layout. Everything may be left out.
 */
export const preprocessingSchema = z
  .strictObject({
    /** New size: both sides, or the shorter one with the shape kept. `filter` is 'bilinear' by default. */
    resize: resizeSchema.optional(),
    /** Size of the middle part that is kept. */
    crop: z.strictObject({ width: side, height: side }).optional(),
    /** Factor for the 8-bit values. Default 1/255. */
    rescale: factor.optional(),
    /** Per channel, or one for all, in the unit after `rescale`. Default 0. */
    mean: z.union([factor, z.array(factor).min(1)]).optional(),
    /** Per channel, or one for all, in the unit after `rescale`. Default 1. */
    std: z.union([factor.positive(), z.array(factor.positive()).min(1)]).optional(),
    /** Order of the axes of one example: channels first (default) or last. */
    layout: z.enum(['NCHW', 'NHWC']).optional(),
    /** Channels and their order. Default: 'grey' where the model takes one channel, 'RGB' otherwise. */
    channels: z.enum(['RGB', 'BGR', 'grey']).optional(),
  })
  .refine(({ mean, std }) => !Array.isArray(mean) || !Array.isArray(std) || mean.length === std.length, {
    path: ['std'],
    message: 'mean and std must have as many numbers as each other',
  })

export type Preprocessing = z.infer<typeof preprocessingSchema>
export type Resize = NonNullable<Preprocessing['resize']>
export type Filter = (typeof filterNames)[number]
