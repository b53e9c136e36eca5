import { describe, expect, it } from 'vitest'
import { preprocessingOf } from '../../../src/data/transforms/preprocessor-config.js'

describe('preprocessor_config.json', () => {
  it.each([
    {
      what: 'a vision transformer',
      config: {
        do_normalize: true,
        do_rescale: true,
        do_resize: true,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        image_processor_type: 'ViTImageProcessor',
        resample: 2,
        rescale_factor: 0.00392156862745098,
        size: { height: 224, width: 224 },
      },
      expected: {
        resize: { width: 224, height: 224, filter: 'bilinear' },
        rescale: 0.00392156862745098,
        mean: [0.5, 0.5, 0.5],
        std: [0.5, 0.5, 0.5],
        channels: 'RGB',
      },
    },
    {
      what: 'a crop after the shortest edge',
      config: {
        size: { shortest_edge: 256 },
        resample: 3,
        crop_size: { height: 224, width: 224 },
        do_center_crop: true,
      },
      expected: {
        resize: { shortestEdge: 256, filter: 'bicubic' },
        crop: { width: 224, height: 224 },
        rescale: 1 / 255,
        channels: 'RGB',
      },
    },
    {
      what: 'old bare numbers with a crop',
      config: { size: 224, crop_size: 224, do_center_crop: true },
      expected: {
        resize: { shortestEdge: 224, filter: 'bilinear' },
        crop: { width: 224, height: 224 },
        rescale: 1 / 255,
        channels: 'RGB',
      },
    },
    {
      what: 'switches that are off',
      config: {
        size: 64,
        do_resize: false,
        crop_size: 32,
        do_center_crop: false,
        do_rescale: false,
        image_mean: 1,
        do_normalize: false,
        do_flip_channel_order: true,
      },
      expected: { rescale: 1, channels: 'BGR' },
    },
  ])('gives the steps of $what', ({ config, expected }) => {
    expect(preprocessingOf(config)).toEqual(expected)
  })

  it.each([
    { config: { size: 'large' }, says: /size/ },
    { config: { size: 32, resample: 5 }, says: /resample: 5 is not known/ },
    { config: { size: 32, crop_pct: 0.9 }, says: /crop_pct/ },
    { config: { image_mean: [0, 0, 0], image_std: [0, 0, 0] }, says: /std/ },
    { config: [], says: /preprocessor_config/ },
  ])('refuses $config', ({ config, says }) => {
    expect(() => preprocessingOf(config)).toThrow(
      expect.objectContaining({ code: 'config-invalid', message: expect.stringMatching(says) }),
    )
  })
})
