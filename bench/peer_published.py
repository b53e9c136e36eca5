"""The published method in PyTorch on the public ResNet-20: what `bench/published.js` is held against.

Importances as calc_importance, dampening as modify_weight of ssd.py of the authors' code
(github.com/if-loops/selective-synaptic-dampening), data in class order, batches of 64, λ = 1.
Usage: python3 bench/peer_published.py ../shared/models/resnet20-cifar10.onnx CIFAR10_BINARY_FOLDER CLASS ALPHA...
Prints, for each α: weights selected, test accuracy on the class and on the others, in percent.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts" / "fixtures"))
import networks

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def open_network(path):
    networks.CLASSES = 10
    net = networks.ResNet20(16).eval()
    arrays = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    state = net.state_dict()
    for name in state:
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(arrays[name.replace("fc.", "linear.")])
    net.load_state_dict(state)
    return net


def read(folder, names):
    parts = [np.fromfile(next(Path(folder).rglob(f"{n}.bin")), dtype=np.uint8).reshape(-1, 3073) for n in names]
    all_parts = np.concatenate(parts)
    return all_parts[:, 1:].reshape(-1, 3, 32, 32), all_parts[:, 0].astype(np.int64)


def prepared(images):
    return (torch.from_numpy(images).float() / 255 - MEAN) / STD


def accuracies(net, images, labels, of):
    with torch.no_grad():
        answers = np.concatenate([net(prepared(images[i : i + 500])).argmax(1).numpy() for i in range(0, len(images), 500)])
    right = answers == labels
    return f"class {100 * right[labels == of].mean():.2f} %  others {100 * right[labels != of].mean():.2f} %"


def calc_importance(net, images, labels, rows):
    sums, batches = [torch.zeros_like(p) for p in net.parameters()], 0
    for i in range(0, len(rows), 64):
        b = rows[i : i + 64]
        net.zero_grad()
        F.cross_entropy(net(prepared(images[b])), torch.from_numpy(labels[b])).backward()
        for s, p in zip(sums, net.parameters()):
            s += p.grad.data.clone().pow(2)
        batches += 1
    return [s / batches for s in sums]


def main():
    path, folder, of, alphas = sys.argv[1], sys.argv[2], int(sys.argv[3]), [float(a) for a in sys.argv[4:]]
    net = open_network(path)
    images, labels = read(folder, [f"data_batch_{i}" for i in range(1, 6)])
    test = read(folder, ["test_batch"])
    print("before:", accuracies(net, *test, of), flush=True)
    whole = calc_importance(net, images, labels, np.argsort(labels, kind="stable"))
    forget = calc_importance(net, images, labels, np.where(labels == of)[0])
    original = {n: v.clone() for n, v in net.state_dict().items()}
    for alpha in alphas:
        net.load_state_dict(original)
        selected = 0
        with torch.no_grad():
            for p, o, f in zip(net.parameters(), whole, forget):
                index = f > o * alpha
                p[index] = p[index] * torch.clamp((o / f)[index], max=1)
                selected += int(index.sum())
        print(f"alpha {alpha:g}: {selected} weights  {accuracies(net, *test, of)}", flush=True)


main()
