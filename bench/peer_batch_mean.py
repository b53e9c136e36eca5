"""The published batch-mean loop in PyTorch: squared mean gradient of batches of 64. Prints examples a second.

Usage: python3 bench/peer_batch_mean.py resnet18|resnet20 EXAMPLES
Follows calc_importance of the authors' code (github.com/if-loops/selective-synaptic-dampening, ssd.py); the networks are those
of src/train/architectures/resnet.ts.
"""

import sys
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.c1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(b)
        self.c2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(b)
        same = stride == 1 and a == b
        self.down = nn.Identity() if same else nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        y = torch.relu(self.b1(self.c1(x)))
        return torch.relu(self.b2(self.c2(y)) + self.down(x))


def network(arch):
    widths, depth = ([64, 128, 256, 512], 2) if arch == "resnet18" else ([16, 32, 64], 3)
    layers = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    at = widths[0]
    for stage, width in enumerate(widths):
        for i in range(depth):
            layers.append(Block(at, width, 2 if stage > 0 and i == 0 else 1))
            at = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(at, 10)).eval()


def main():
    arch, size = sys.argv[1], int(sys.argv[2])
    torch.manual_seed(0)
    model = network(arch)
    x, y = torch.randn(size, 3, 32, 32), torch.randint(0, 10, (size,))
    loss = nn.CrossEntropyLoss()
    sums = [torch.zeros_like(p) for p in model.parameters()]

    def passes(limit):
        for i in range(0, limit, 64):
            model.zero_grad()
            loss(model(x[i : i + 64]), y[i : i + 64]).backward()
            for s, p in zip(sums, model.parameters()):
                s += p.grad.data.clone().pow(2)

    passes(min(64, size))
    begin = time.perf_counter()
    passes(size)
    print(size / (time.perf_counter() - begin))


main()
