"""The networks of the importance benchmark, as plain PyTorch modules with random weights, and their ONNX files.

Usage: python3 bench/contenders/models.py NAME FILE.onnx FILE.npz EXAMPLES
Prints the floating-point operations of one forward pass of one example.
"""

import sys

import numpy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


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


def resnet(widths, depth, classes=10, stem=None):
    layers = stem or [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)]
    layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
    at = widths[0]
    for stage, width in enumerate(widths):
        for i in range(depth):
            layers.append(Block(at, width, 2 if stage > 0 and i == 0 else 1))
            at = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(at, classes))


class Layer(nn.Module):
    """Transformer layer, normalised before, with one matrix for query, key and value (timm's form)."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = torch.softmax(q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5, dim=-1) @ v
        x = x + self.proj(mixed.transpose(1, 2).reshape(n, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Positions(nn.Module):
    """Adds what each position has of its own, behind a class token where there is one."""

    def __init__(self, length, dim, has_class):
        super().__init__()
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02) if has_class else None
        self.pos = nn.Parameter(torch.randn(1, length + has_class, dim) * 0.02)

    def forward(self, x):
        if self.cls is not None:
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        return x + self.pos


class ViT(nn.Module):
    def __init__(self, dim, heads, depth, classes, size=224, patch=16):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, patch, patch)
        self.pos = Positions((size // patch) ** 2, dim, True)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, x):
        x = self.pos(self.embed(x).flatten(2).transpose(1, 2))
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, 0])


class Inverted(nn.Module):
    """Block of MobileNetV2: wider by 1×1, depthwise 3×3, narrower by 1×1."""

    def __init__(self, a, b, stride, factor):
        super().__init__()
        wide = a * factor
        layers = [] if factor == 1 else [nn.Conv2d(a, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        layers += [nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(wide, b, 1, bias=False), nn.BatchNorm2d(b))
        self.adds = stride == 1 and a == b

    def forward(self, x):
        return x + self.layers(x) if self.adds else self.layers(x)


def mobilenet(classes=1000):
    layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    at = 32
    for factor, width, count, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for i in range(count):
            layers.append(Inverted(at, width, stride if i == 0 else 1, factor))
            at = width
    layers += [nn.Conv2d(at, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes))


class Scale(nn.Module):
    """A factor a channel, on the last axis."""

    def __init__(self, dim):
        super().__init__()
        self.factor = nn.Parameter(torch.full((dim,), 0.1))

    def forward(self, x):
        return x * self.factor


class LastNorm(nn.LayerNorm):
    """Layer norm over the channels of a picture."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mix = nn.Conv2d(dim, dim, 7, 1, 3, groups=dim)
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.scale = Scale(dim)

    def forward(self, x):
        y = self.norm(self.mix(x).permute(0, 2, 3, 1))
        return x + self.scale(self.fc2(F.gelu(self.fc1(y)))).permute(0, 3, 1, 2)


def convnext(widths, depths, classes=1000):
    layers = [nn.Conv2d(3, widths[0], 4, 4), LastNorm(widths[0], eps=1e-6)]
    for stage, (width, depth) in enumerate(zip(widths, depths)):
        if stage > 0:
            layers += [LastNorm(widths[stage - 1], eps=1e-6), nn.Conv2d(widths[stage - 1], width, 2, 2)]
        layers += [ConvNeXtBlock(width) for _ in range(depth)]
    last = widths[-1]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(last), nn.Linear(last, classes))


class Text(nn.Module):
    """Six layers on embedded tokens, as DistilBERT has them: width 768, 12 heads, mean of the tokens."""

    def __init__(self, vocabulary=8192, dim=768, heads=12, depth=6, length=128, classes=4):
        super().__init__()
        self.tokens, self.pos = nn.Embedding(vocabulary, dim), Positions(length, dim, False)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, ids):
        x = self.pos(self.tokens(ids))
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))


MODELS = {
    "resnet18": (lambda: resnet([64, 128, 256, 512], 2), (3, 32, 32)),
    "resnet20": (lambda: resnet([16, 32, 64], 3), (3, 32, 32)),
    "vit-tiny": (lambda: ViT(192, 3, 12, 1000), (3, 224, 224)),
    "vit-base": (lambda: ViT(768, 12, 12, 1000), (3, 224, 224)),
    "text-6": (lambda: Text(), (128,)),
    "mobilenetv2": (lambda: mobilenet(), (3, 224, 224)),
    "convnext-tiny": (lambda: convnext((96, 192, 384, 768), (3, 3, 9, 3)), (3, 224, 224)),
}


def build(name):
    torch.manual_seed(0)
    make, _ = MODELS[name]
    return make().eval()


def inputs(name, count):
    """Examples and labels: pictures of noise, or tokens."""
    _, dims = MODELS[name]
    generator = torch.Generator().manual_seed(1)
    if len(dims) == 1:
        x = torch.randint(0, 8192, (count, *dims), generator=generator)
    else:
        x = torch.randn(count, *dims, generator=generator)
    return x, torch.arange(count) % 2


def export(name, path):
    model = build(name)
    x, _ = inputs(name, 2)
    torch.onnx.export(
        model,
        (x,),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore")
    export(sys.argv[1], sys.argv[2])
    x, y = inputs(sys.argv[1], int(sys.argv[4]))
    numpy.savez(sys.argv[3], x=x.numpy(), y=y.numpy())
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        build(sys.argv[1])(inputs(sys.argv[1], 1)[0])
    print(counter.get_total_flops())
