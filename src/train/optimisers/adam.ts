import { type Optimiser, slot } from './optimiser.js'

const beta1 = 0.9
const beta2 = 0.999
const epsilon = 1e-8

/**
 * Adam with L2 weight decay δ added to the gradient, as PyTorch's torch.optim.Adam:
 * m ← β₁m + (1−β₁)d, v ← β₂v + (1−β₂)d², w ← w − η·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε).
 */
export const adam: Optimiser = {
  name: 'adam',
  summary: 'Adam (β 0.9 and 0.999) with L2 weight decay',
  defaultRate: 1e-3,
  step(weights, g, name, slots, { rate, step, settings }) {
    const m = slot(slots, `${name}:m`, weights.length)
    const v = slot(slots, `${name}:v`, weights.length)
    const [fix1, fix2] = [1 - beta1 ** step, 1 - beta2 ** step]
    for (let i = 0; i < weights.length; i++) {
      const d = g[i]! + settings.weightDecay * weights[i]!
      m[i] = beta1 * m[i]! + (1 - beta1) * d
      v[i] = beta2 * v[i]! + (1 - beta2) * d * d
      weights[i]! -= (rate * (m[i]! / fix1)) / (Math.sqrt(v[i]! / fix2) + epsilon)
    }
  },
}
