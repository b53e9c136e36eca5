"""A way to importances in PyTorch, run on demand: each line read from standard input is a pass, answered by a line of JSON.

Usage: python3 bench/contenders/pytorch.py MODEL METHOD EXAMPLES
Methods: `batch-mean` (calc_importance of the authors' code, github.com/if-loops/selective-synaptic-dampening, ssd.py: squared
gradient of the mean loss of batches of 64), and three that are exact per example: `batch-of-one`, `vmap` (torch.func, the best
of several chunk sizes), `hooks` (inputs and cotangents of each layer caught on the way, products by hand).
"""

import json
import resource
import sys
import time

import torch
from models import LastNorm, Positions, Scale, build, inputs
from torch import nn
from torch.func import functional_call, grad, vmap

name, method, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
model = build(name)
x, y = inputs(name, count)
parameters = dict(model.named_parameters())
sums = {k: torch.zeros_like(p) for k, p in parameters.items()}
loss = nn.CrossEntropyLoss()


def batches(size):
    for i in range(0, count, size):
        model.zero_grad(set_to_none=True)
        loss(model(x[i : i + size]), y[i : i + size]).backward()
        for k, p in parameters.items():
            sums[k] += p.grad.pow(2)


frozen = {k: p.detach() for k, p in parameters.items()}
buffers = dict(model.named_buffers())
each = vmap(
    grad(lambda p, a, b: loss(functional_call(model, (p, buffers), (a[None],)), b[None])), in_dims=(None, 0, 0)
)


def chunks(size):
    for i in range(0, count, size):
        for k, g in each(frozen, x[i : i + size], y[i : i + size]).items():
            sums[k] += g.pow(2).sum(0)


def squares(k, product):
    sums[k] += product.pow(2).sum(0)


def caught(module, prefix, a, g):
    """Σ_n of the squared gradients of a layer's own parameters, from its input a and cotangent g."""
    if isinstance(module, nn.Linear):
        if a.dim() == 2:
            sums[prefix + "weight"] += g.pow(2).T @ a.pow(2)
            squares(prefix + "bias", g)
        else:
            rows, cotangents = a.flatten(1, -2), g.flatten(1, -2)
            squares(prefix + "weight", torch.bmm(cotangents.transpose(1, 2), rows))
            squares(prefix + "bias", cotangents.sum(1))
    elif isinstance(module, nn.Conv2d):
        if module.kernel_size == (1, 1) and module.stride == (1, 1):
            columns = a.flatten(2)
        else:
            columns = nn.functional.unfold(a, module.kernel_size, padding=module.padding, stride=module.stride)
        if module.groups == 1:
            product = torch.bmm(g.flatten(2), columns.transpose(1, 2))
        else:  # depthwise
            product = torch.einsum("ncp,nckp->nck", g.flatten(2), columns.unflatten(1, (module.groups, -1)))
        squares(prefix + "weight", product.reshape(-1, *module.weight.shape))
        if module.bias is not None:
            squares(prefix + "bias", g.sum((2, 3)))
    elif isinstance(module, nn.BatchNorm2d):
        normal = (a - module.running_mean[:, None, None]) / (module.running_var[:, None, None] + module.eps).sqrt()
        squares(prefix + "weight", (g * normal).sum((2, 3)))
        squares(prefix + "bias", g.sum((2, 3)))
    elif isinstance(module, nn.LayerNorm):
        if isinstance(module, LastNorm):
            a, g = a.permute(0, 2, 3, 1), g.permute(0, 2, 3, 1)
        normal = nn.functional.layer_norm(a, module.normalized_shape, eps=module.eps)
        squares(prefix + "weight", (g * normal).reshape(len(a), -1, a.shape[-1]).sum(1))
        squares(prefix + "bias", g.reshape(len(a), -1, a.shape[-1]).sum(1))
    elif isinstance(module, Scale):
        squares(prefix + "factor", (g * a).flatten(1, -2).sum(1))
    elif isinstance(module, Positions):
        squares(prefix + "pos", g[:, None])
        if module.cls is not None:
            squares(prefix + "cls", g[:, None, :1])
    elif isinstance(module, nn.Embedding):
        for ids, own in zip(a, g):
            places, index = ids.unique(return_inverse=True)
            rows = torch.zeros(len(places), own.shape[1]).index_add_(0, index, own)
            sums[prefix + "weight"].index_add_(0, places, rows.pow(2))


def hooked(size):
    for i in range(0, count, size):
        model.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(x[i : i + size]), y[i : i + size], reduction="sum").backward()


def hook():
    kinds = (nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.LayerNorm, Positions, Scale, nn.Embedding)
    for p in model.parameters():
        p.requires_grad_(False)
    for own, module in model.named_modules():
        if not isinstance(module, kinds):
            continue

        def forward(module, given, out, prefix=f"{own}." if own else ""):
            a = given[0].detach()
            if not out.requires_grad:
                out.requires_grad_()
            out.register_hook(lambda g: caught(module, prefix, a, g.detach()))

        module.register_forward_hook(forward)


def chosen():
    """The method with the chunk size that is fastest on a part of the data."""
    if method == "batch-mean":
        return lambda: batches(64)
    if method == "batch-of-one":
        return lambda: batches(1)
    run = chunks if method == "vmap" else hooked
    if method == "hooks":
        hook()
    best = None
    global count
    whole, count = count, min(count, 32)
    for size in (4, 8, 16, 32):
        try:
            run(size)
            begin = time.perf_counter()
            run(size)
            taken = time.perf_counter() - begin
        except RuntimeError:
            break
        if best is None or taken < best[0]:
            best = (taken, size)
    count = whole
    return lambda: run(best[1])


def answer(value):
    print(json.dumps(value), flush=True)


run = chosen()
if method == "batch-mean":
    count, whole = min(count, 64), count
    run()
    count = whole
answer({"ready": True, "threads": torch.get_num_threads(), "torch": torch.__version__})
for _ in sys.stdin:
    for s in sums.values():
        s.zero_()
    begin = time.perf_counter()
    run()
    seconds = time.perf_counter() - begin
    answer(
        {
            "seconds": seconds,
            "rate": count / seconds,
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "check": float(sum(s.double().sum() for s in sums.values())),
        }
    )
