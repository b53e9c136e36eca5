// @ts-check
// What is known of operators beside the tables of the library: which have nothing to differentiate and why, which inputs are
// settings and not numbers, and in words what their rules leave out.

const groups = {
  'gives truth values': 'And Or Xor Not Equal Less LessOrEqual Greater GreaterOrEqual IsInf IsNaN',
  'gives indices': 'ArgMax ArgMin NonZero NonMaxSuppression',
  'gives a shape, or something made of one':
    'Shape Size EyeLike ConstantOfShape BlackmanWindow HammingWindow HannWindow',
  'has no input': 'Constant',
  'works on the bits of a number': 'BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor',
  'flat between its steps': 'Ceil Floor Round Sign Hardmax MelWeightMatrix',
  'integer arithmetic in place of a float network (quantisation)':
    'ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul QuantizeLinear',
  random: 'Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike',
  'works on strings': 'RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer',
  'decodes bytes': 'ImageDecoder',
  'the length of its result depends on the values': 'Unique',
  'holds sequences or optional values, no numbers':
    'Optional OptionalHasElement SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceAt ConcatFromSequence SplitToSequence SequenceMap',
}

/** Operators of the standard that have nothing to differentiate, with the reason. @type {ReadonlyMap<string, string>} */
export const natures = new Map(
  Object.entries(groups).flatMap(([reason, ops]) => ops.split(' ').map((op) => [op, reason])),
)

/**
 * Float inputs that are settings or state, by position: sizes and regions (Resize, Upsample), a count (OneHot), the share that
 * is dropped, running statistics, which training does not learn either.
 * @type {Readonly<Record<string, readonly number[]>>}
 */
export const structural = {
  BatchNormalization: [3, 4],
  Dropout: [1],
  OneHot: [1],
  Resize: [1, 2],
  RoiAlign: [1],
  MaxRoiPool: [1],
  Upsample: [1],
}

/**
 * Outputs that are state, by position: running statistics, which no loss is made of.
 * @type {Readonly<Record<string, readonly number[]>>}
 */
export const states = { BatchNormalization: [1, 2] }

/** What rules and expansions leave out; each is refused by name (`rule-missing`). @type {Readonly<Record<string, string>>} */
export const limits = {
  AffineGrid: 'no align_corners with an axis of one place',
  Attention: 'no window',
  BatchNormalization: 'not by running statistics',
  ConcatFromSequence: 'where what the sequence holds is known',
  DFT: 'up to 1024 places',
  DeformConv: 'two axes of space',
  Det: 'up to 16 rows',
  Dropout: 'not in training mode',
  GRU: 'no clip',
  If: 'the condition does not depend on data',
  LSTM: 'no clip',
  Loop: 'neither trip count nor condition depends on data',
  LpPool: 'p ≥ 1',
  MaxUnpool: 'no output_shape',
  RNN: 'no clip',
  STFT: 'frames of up to 2048 samples',
  Scan: 'not the form of opset 8',
  SequenceAt: 'where what the sequence holds is known',
  SequenceConstruct: 'where what the sequence holds is known',
  SplitToSequence: 'where what the sequence holds is known',
  TopK: 'indices must be an output',
}

/** Contrib operators that are refused by name, with the advice to export without fusion. */
export const refusedContrib = [
  'Attention',
  'DecoderMaskedMultiHeadAttention',
  'EmbedLayerNormalization',
  'GroupQueryAttention',
  'MultiHeadAttention',
  'NhwcConv',
  'RotaryEmbedding',
]
