"""Writes the files in data/: what PyTorch makes of small networks, and samples of what it makes of the paper's.

usage: python make_fixtures.py [NAME…]      with torch, numpy and safetensors installed; without names all but the
                                            paper's networks; `unet_2015 unet_2015_release` take minutes and 8 GB

Everything is computed in double precision from numbers that are exact in single precision, and stored as F32.
"""
import pathlib
import sys

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
import torch.nn.functional as F

import networks as nets
import philox

DATA = pathlib.Path(__file__).parent / "data"
KEY = (5, 2, 1)  # seed, step and sample of the dropout masks
IGNORED = 255

# name: the network, the tile (height × width, or depth × height × width), channels
NETWORKS = {
    "unet_valid": (lambda: nets.UNet(2, 4), (52, 60), 1),
    "unet_same": (lambda: nets.UNet(2, 4, same=True), (20, 28), 1),
    "unet_rgb": (lambda: nets.UNet(1, 6, classes=5, channels=3), (24, 28), 3),
    "dropout": (nets.Dropout, (9, 14), 1),
    "residuals": (nets.Residuals, (13, 11), 2),
    "level_add": (nets.LevelAdd, (12, 14), 1),
    "level_concat": (nets.LevelConcat, (14, 10), 1),
    "nested_skips": (nets.NestedSkips, (10, 16), 1),
    "convolutions": (nets.Convolutions, (52, 60), 2),
    "batch_norm": (nets.BatchNorm, (14, 18), 1),
    "other_norms": (nets.OtherNorms, (13, 17), 1),
    "upsample_nearest": (lambda: nets.Upsampling("nearest"), (10, 14), 1),
    "upsample_bilinear": (lambda: nets.Upsampling("bilinear"), (10, 14), 1),
    "pooling": (nets.Pooling, (18, 36), 1),
    "activations": (nets.Activations, (19, 17), 1),
    "unet_volume": (lambda: nets.UNet(1, 3, dimensions=3), (20, 20, 24), 1),
    "volume": (nets.Volume, (6, 8, 12), 1),
}
PAPER = {
    "unet_2015": lambda: nets.UNet(paper=True),
    "unet_2015_release": lambda: nets.UNet(release=True),
}


def set_parameters(net, generator):
    """Deviation √(2/N) for weights, as training begins; biases, norms and running statistics that matter."""
    with torch.no_grad():
        for name, module in net.named_modules():
            for key, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
                u = torch.rand(tensor.shape, generator=generator, dtype=torch.float32)
                if key == "num_batches_tracked":
                    continue
                if tensor.ndim > 1:
                    fan_in = tensor.shape[0] if "up_conv" in name else tensor[0].numel()
                    u = (2 * u - 1) * (6 / fan_in) ** 0.5
                elif key == "running_var" or (key == "weight" and "norm" in name):
                    u = u + 0.5
                else:
                    u = 0.6 * u - 0.3
                tensor.copy_(u.float())
    return net


def parameters(net):
    return {name: tensor for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def loss_of(logits, labels, weights):
    each = F.cross_entropy(logits, labels.long(), ignore_index=IGNORED, reduction="none")
    return (weights * each).sum() / (labels != IGNORED).sum()


def channels_last(x):
    return x[0].movedim(0, -1).contiguous()


def stored(tensors):
    return {name: np.ascontiguousarray(t.detach().numpy().astype("f4" if t.is_floating_point() else "u1"))
            for name, t in tensors.items()}


def save(name, tensors):
    """In the order of the names, so that the same numbers make the same bytes."""
    path = DATA / f"{name}.safetensors"
    safetensors.numpy.save_file(tensors, path, metadata={"made by": f"PyTorch {torch.__version__.split('+')[0]}"})
    assert path.stat().st_size < 200_000, path
    print(f"{path.name}: {path.stat().st_size} bytes")


def small(name, seed):
    """One network with one set of random numbers, and how far it stays away from jumps of its gradient."""
    make, tile, channels = NETWORKS[name]
    generator = torch.Generator().manual_seed(seed)
    net = set_parameters(make().double(), generator)
    net.key = KEY
    image = (2 * torch.rand(1, channels, *tile, generator=generator) - 1).float()
    given = {key: tensor.clone() for key, tensor in parameters(net).items()}
    logits = net.eval()(image.double())
    classes, size = logits.shape[1], logits.shape[2:]
    labels = torch.randint(0, classes, (1, *size), generator=generator)
    labels[torch.rand(1, *size, generator=generator) < 1 / 9] = IGNORED
    weights = 0.25 + 1.75 * torch.rand(1, *size, generator=generator)
    net.train()
    loss = loss_of(net(image.double()), labels, weights.double())
    loss.backward()
    tensors = {**given, "input": channels_last(image), "labels": labels[0], "weights_map": weights[0],
               "logits": channels_last(logits), "loss": loss.reshape(1)}
    for key, parameter in net.named_parameters():
        tensors["grad." + key] = parameter.grad
    for key, tensor in parameters(net).items():
        if "running" in key:
            tensors["after." + key] = tensor
    return stored(tensors), net.margins.smallest, parameters(net)


def make_small(name):
    """Takes the first seed whose run keeps 2^-17 of the largest value away from jumps: 64 roundings."""
    for seed in range(1, 1000):
        tensors, margin, weights = small(name, seed)
        if margin >= 2**-17:
            save(name, tensors)
            if name == "unet_valid":  # the file that a user of PyTorch would write
                safetensors.torch.save_file({key: tensor.float() for key, tensor in weights.items()},
                                            DATA / f"{name}_weights.safetensors")
            return
    raise SystemExit(f"{name}: every seed comes too close to a kink or a tie")


def paper_run(name, dtype):
    """Logits, loss and gradients of one of the paper's networks; image, parameters and the rest by formula.

    The k-th tensor in the order of the network's layers is √(6/N) · u for weights and 0.1 · u for biases, u of the
    stream (1, INITIAL_WEIGHTS, k, 0).
    """
    net = PAPER[name]().to(dtype)
    net.key = KEY
    with torch.no_grad():
        for k, (key, tensor) in enumerate(in_order(net)):
            fan_in = tensor.shape[0] if "up_conv" in key else tensor[0].numel()
            reach = np.float32((6 / fan_in) ** 0.5 if tensor.ndim > 1 else 0.1)
            u = philox.centred(philox.INITIAL_WEIGHTS, 1, k, 0, tensor.numel())
            tensor.copy_(torch.from_numpy(reach * u).reshape(tensor.shape))
    size, out = 572, 388
    image = torch.from_numpy(philox.centred(philox.EXAMPLE_DATA, 1, 0, 0, size**2)).reshape(1, 1, size, size).to(dtype)
    label = philox.words(philox.EXAMPLE_DATA, 1, 1, 0, out**2) % np.uint32(9)  # 8: ignored
    label = np.where(label == 8, np.uint32(IGNORED), label % np.uint32(2))
    labels = torch.from_numpy(label.astype("u1")).reshape(1, out, out)
    weights = philox.uniform(philox.EXAMPLE_DATA, 1, 2, 0, out**2) + np.float32(0.25)
    weights = torch.from_numpy(weights).reshape(1, out, out).to(dtype)
    with torch.no_grad():
        logits = channels_last(net.eval()(image)).numpy().astype("f8")
    print(f"{name} in {dtype}: largest logit {np.abs(logits).max():.4g}", flush=True)
    net.train()
    loss = loss_of(net(image), labels, weights)
    loss.backward()
    gradients = {key: p.grad.numpy().reshape(-1).astype("f8") for key, p in net.named_parameters()}
    return logits, loss.item(), gradients


def samples(logits, loss, gradients):
    """Every 17th pixel; of each gradient norm, largest magnitude, and every (count/61 + 1)-th element."""
    tensors = {"logits": logits.reshape(-1, logits.shape[-1])[::17].astype("f4"),
               "largest_logit": np.array([np.abs(logits).max()]), "loss": np.array([loss])}
    for key, g in gradients.items():
        tensors["grad." + key] = np.ascontiguousarray(g[:: g.size // 61 + 1].astype("f4"))
        tensors["facts." + key] = np.array([np.linalg.norm(g), np.abs(g).max()])
    return tensors


def in_single_precision(name, double):
    """How far PyTorch in single precision is from itself in double: what no program that computes in single precision
    can be blamed for. Of logits, of gradients (both relative to the largest) and of their norms, the worst."""
    single = samples(*paper_run(name, torch.float32))
    off = {key: np.abs(single[key].astype("f8") - double[key]).max() for key in double}
    keys = [key[5:] for key in double if key.startswith("grad.")]
    return np.array([off["logits"] / double["largest_logit"][0],
                     max(off["grad." + key] / double["facts." + key][1] for key in keys),
                     max(abs(single["facts." + key][0] / double["facts." + key][0] - 1) for key in keys)])


def make_paper(name):
    tensors = samples(*paper_run(name, torch.float64))
    tensors["single_precision"] = in_single_precision(name, tensors)
    print(f"{name} in single precision is off by {tensors['single_precision']}")
    save(name, tensors)


def in_order(net):
    """Parameters in the order in which data meets them, which is Oxbow's."""
    named = dict(net.named_parameters())
    keys = []
    for k in range(1, net.depth + 1):
        keys += [f"level{k}.encode.conv{i}" for i in (1, 2)]
    keys += [f"level{net.depth}.inner.conv{i}" for i in (1, 2)]
    for k in range(net.depth, 0, -1):
        keys += [f"level{k}.inner.up_conv1"] + [f"level{k}.decode.conv{i}" for i in (1, 2)]
    keys = [f"{key}.{end}" for key in [*keys, "conv1"] for end in ("weight", "bias")]
    assert sorted(keys) == sorted(named)
    return [(key, named[key]) for key in keys]


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    torch.set_num_threads(2)
    for wanted in sys.argv[1:] or NETWORKS:
        (make_paper if wanted in PAPER else make_small)(wanted)
