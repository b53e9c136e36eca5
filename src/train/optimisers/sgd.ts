import { type Optimiser, slot } from './optimiser.js'

/**
 * Stochastic gradient descent with momentum μ and weight decay δ, as PyTorch's torch.optim.SGD (no dampening, no Nesterov):
 * d = g + δ·w, v ← μ·v + d, w ← w − η·v.
 */
export const sgd: Optimiser = {
  name: 'sgd',
  summary: 'stochastic gradient descent with momentum and weight decay',
  defaultRate: 0.1,
  step(weights, g, name, slots, { rate, settings }) {
    const v = slot(slots, name, weights.length)
    for (let i = 0; i < weights.length; i++) {
      v[i] = settings.momentum * v[i]! + g[i]! + settings.weightDecay * weights[i]!
      weights[i]! -= rate * v[i]!
    }
  },
}
