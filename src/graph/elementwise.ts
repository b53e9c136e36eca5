/** Operators whose result has element type and shape of the first input, each number made of the one at its place. */
export const unaryOps: ReadonlySet<string> = new Set(
  (
    'Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log ' +
    'Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu'
  ).split(' '),
)

/** The same of several inputs, broadcast; the element type is that of the first. */
export const broadcastingOps: ReadonlySet<string> = new Set('Add Div Max Mean Min Mul PRelu Pow Sub Sum'.split(' '))
