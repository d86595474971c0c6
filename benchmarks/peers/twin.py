#!/usr/bin/env python3
"""examples/em_membranes again in PyTorch: the same network and recipe on the same slices, to compare score and time.

    twin.py train --images train/image --labels train/label --holdout 02,07 --steps 5000 --out twin
    twin.py predict --images train/image --holdout 02,07 --weights run/weights.safetensors --out maps

Each epoch leaves out/step_<n>/<slice>.tif, the probability of interior of every slice held out, which
examples/score_maps scores, and out/step_<n>.pt, the weights. times.csv has the seconds of the augmentation and of the
network, loss.csv the losses.
Written from the documented meaning of Oxbow's layers and augmentations; random numbers are PyTorch's own.
"""
import argparse
import csv
import math
import pathlib
import sys
import time

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from PIL import Image

import plain

TILE, OUTPUT = 444, 260  # of a tile to learn from: valid convolutions take 92 pixels per side
HALO, MIDDLE = (TILE - OUTPUT) // 2, (TILE - 1) / 2
SEEN = 700  # of a tile to predict with; its output of 516 covers a slice
RATE, MOMENTUM, WARM_UP, CLIP = 1e-3, 0.99, 100, 1.0


class Twin(plain.PlainUNet):
    """seq<scale_of<16, …<128, seq<stage<256>, dropout<0.5f>>>>, conv<2, 1>>, as plain as a user would write it:
    without the margins and Oxbow's masks that the tests add."""

    in_place = True

    def __init__(self):
        super().__init__(depth=4, first=16, paper=True)
        for module in self.modules():  # He's: deviation sqrt(2 / inputs that one output sums up)
            if isinstance(module, torch.nn.Conv2d):
                inputs = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
            elif isinstance(module, torch.nn.ConvTranspose2d):
                inputs = module.in_channels  # the stride is the window
            else:
                continue
            torch.nn.init.normal_(module.weight, 0, math.sqrt(2 / inputs))
            torch.nn.init.zeros_(module.bias)


# ---- data -----------------------------------------------------------------------------------------------------------

def files_of(folder):
    return sorted(p for p in pathlib.Path(folder).iterdir() if p.suffix.lower() in (".png", ".tif", ".tiff"))


def read_slices(folder):
    """{name: values}; each image gets mean 0 and deviation 1."""
    slices = {}
    for path in files_of(folder):
        grey = np.asarray(Image.open(path)).astype(np.float64)
        slices[path.stem] = torch.from_numpy(((grey - grey.mean()) / grey.std()).astype(np.float32))
    return slices


def read_labels(folder):
    """0 membrane, 1 interior, in the order of the files' names."""
    return [(np.asarray(Image.open(path)) > 0).astype(np.uint8) for path in files_of(folder)]


def border_weights(labels, border=10.0, sigma=5.0):
    """w_c + border · exp(-(d1 + d2)² / 2 sigma²) on membranes, w_c on interior; w_c balances the image's classes.

    d1 and d2 are the distances to the nearest two interiors. The map of distances to one is made within 8 sigma of it:
    beyond that the border's term is below 10 · exp(-32).
    """
    interior = labels.mean()
    balance = np.where(labels == 1, 0.5 / interior, 0.5 / (1 - interior))
    objects, _ = scipy.ndimage.label(labels)  # 4-connected
    first, second = np.full(labels.shape, np.inf), np.full(labels.shape, np.inf)
    reach = int(8 * sigma)
    for number, box in enumerate(scipy.ndimage.find_objects(objects), 1):
        box = tuple(slice(max(0, s.start - reach), s.stop + reach) for s in box)
        distance = scipy.ndimage.distance_transform_edt(objects[box] != number)
        second[box] = np.minimum(second[box], np.maximum(first[box], distance))
        first[box] = np.minimum(first[box], distance)
    term = border * np.exp(-((first + second) ** 2) / (2 * sigma**2))
    return torch.from_numpy((balance + np.where(labels == 0, term, 0)).astype(np.float32))


# ---- augmentation: elastic | rotate | mirror | shift | grey | blur, one gather per tile ---------------------------------

def node_weights(place):
    """Weights of three nodes at -1, 0 and 1, stacked in front: Keys' cubic convolution with a = -1/2, straight on beyond
    the outer nodes."""
    place = place.clamp(-1, 1)
    away = place.abs()
    bend = 0.5 * away * (1 - away) ** 2
    return torch.stack([F.relu(-place) - bend, 1 - away + 2 * bend, F.relu(place) - bend])


def blurred(grey, sigma):
    kernel = torch.exp(-0.5 * (torch.arange(-3, 4) / sigma) ** 2)
    kernel[kernel <= 1e-3] = 0
    kernel /= kernel.sum()
    grey = F.pad(grey, (3, 3, 3, 3), mode="reflect")
    grey = F.conv2d(grey, kernel.view(1, 1, 1, 7))
    return F.conv2d(grey, kernel.view(1, 1, 7, 1))


class Augmentation:
    """Tiles of deformed slices."""

    def __init__(self, slices, labels, weights, generator, elastic=True):
        self.slices = [s[None, None] for s in slices]
        # Labels are read at the nearest place and weights between places; both from one stack.
        self.labels = [torch.from_numpy(l.astype(np.float32))[None, None] for l in labels]
        self.weights = [w[None, None] for w in weights]
        self.random, self.elastic = generator, elastic
        axis = torch.arange(TILE, dtype=torch.float32) - MIDDLE
        self.grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))  # (y and x, row, column)

    def uniform(self, low, high):
        return low + (high - low) * torch.rand((), generator=self.random).item()

    def pull(self):
        """Where each pixel of the tile comes from, (y and x, row, column): the last map first."""
        shift = torch.tensor([self.uniform(-16, 16), self.uniform(-16, 16)])
        mirror = [self.uniform(0, 1) < 0.5, self.uniform(0, 1) < 0.5]
        angle = math.radians(self.uniform(0, 360))
        nodes = 10 * torch.randn(2, 3, 3, generator=self.random)  # (y and x, row, column)
        c, s = math.cos(angle), math.sin(angle)
        turn = torch.tensor([[c, -s], [s, c]]) @ torch.diag(torch.tensor([-1.0 if m else 1.0 for m in mirror]))
        at = (turn @ (self.grid.view(2, -1) - shift[:, None])).view_as(self.grid)
        if self.elastic:
            rows, columns = node_weights(at[0] / MIDDLE), node_weights(at[1] / MIDDLE)
            of_rows = (nodes.view(6, 3) @ columns.view(3, -1)).view(2, 3, TILE, TILE)
            at += (rows * of_rows).sum(1)
        return at + MIDDLE

    def light(self, grey):
        black, span = -2.0, 4.0
        gamma = math.exp(self.uniform(-1, 1) * math.log(1.25))
        slope = math.exp(self.uniform(-1, 1) * math.log(1.25))
        offset, noise = span * self.uniform(-0.1, 0.1), span * self.uniform(0, 0.05)
        t = (grey - black) / span
        grey = black + span * torch.copysign(t.abs() ** gamma, t)
        grey = black + span / 2 + slope * (grey - (black + span / 2)) + offset
        return grey + noise * torch.randn(grey.shape, generator=self.random)

    def tile(self):
        """The middle of the output is any pixel of the data set; beyond a slice lies its mirror image."""
        sizes = [s.shape[-2] * s.shape[-1] for s in self.slices]
        number = int(torch.randint(sum(sizes), (), generator=self.random))
        for which, size in enumerate(sizes):
            if number < size:
                break
            number -= size
        grey = self.slices[which]
        height, width = grey.shape[-2:]
        y, x = self.pull()
        y, x = y + (number // width - OUTPUT // 2 - HALO), x + (number % width - OUTPUT // 2 - HALO)
        # grid_sample takes -1 to 1 for the way from the centre of the first pixel to that of the last.
        grid = torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], -1)[None]
        inner = grid[:, HALO:HALO + OUTPUT, HALO:HALO + OUTPUT]
        sigma = self.uniform(0, 1)
        if self.uniform(0, 1) < 0.25 and sigma >= 0.1:
            grey = blurred(grey, sigma)

        def read(source, at, mode):
            return F.grid_sample(source, at, mode, padding_mode="reflection", align_corners=True)

        return (self.light(read(grey, grid, "bilinear")), read(self.labels[which], inner, "nearest")[:, 0].long(),
                read(self.weights[which], inner, "bilinear")[:, 0])


# ---- training and prediction ----------------------------------------------------------------------------------------

def factor(step, steps):
    """A linear warm-up, then half a cosine down to 0."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP))) / 2


@torch.no_grad()
def predict(net, grey, views="none"):
    """The probability of interior of every pixel of a slice, in one tile; around it lies its mirror image. Views
    "square": the mean over the eight symmetries of the square."""
    if views == "square":
        seen = []
        for quarter in range(4):
            turned = grey.rot90(quarter)
            seen.append(np.rot90(predict(net, turned), -quarter))
            seen.append(np.rot90(predict(net, turned.flip(1))[:, ::-1], -quarter))
        return np.mean(seen, 0)
    height, width = grey.shape
    halo, covered = HALO, SEEN - 2 * HALO
    assert height <= covered and width <= covered, f"a slice of {height} x {width} does not fit into {covered}"
    tile = F.pad(grey[None, None], (halo, SEEN - halo - width, halo, SEEN - halo - height), mode="reflect")
    net.eval()
    logits = net(tile.contiguous(memory_format=torch.channels_last))
    net.train()
    return F.softmax(logits, 1)[0, 1, :height, :width].numpy()


def write_maps(net, slices, folder, views="none"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, grey in slices.items():
        Image.fromarray(predict(net, grey, views)).save(folder / f"{name}.tif")  # 32-bit floats


def train(o):
    slices, labels = read_slices(o.images), read_labels(o.labels)
    assert len(slices) == len(labels), f"{len(slices)} images and {len(labels)} label files"
    held = set(o.holdout.split(","))
    assert held <= set(slices), f"no slice is called {', '.join(held - set(slices))}"
    known = [(grey, label) for (name, grey), label in zip(slices.items(), labels) if name not in held]
    unseen = {name: grey for name, grey in slices.items() if name in held}
    weights = [torch.ones(label.shape) if o.no_weights else border_weights(label) for _, label in known]
    print(f"{len(known)} slices to learn from, {len(unseen)} held out.", flush=True)

    torch.manual_seed(o.seed)
    net = Twin().to(memory_format=torch.channels_last)
    run = torch.compile(net) if o.compile else net
    source = Augmentation([g for g, _ in known], [l for _, l in known], weights,
                          torch.Generator().manual_seed(o.seed), not o.no_elastic)
    if o.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
    out = pathlib.Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    augmenting = learning = predicting = 0.0
    average, weight = 0.0, 0.0
    with open(out / "loss.csv", "w", newline="") as losses, open(out / "times.csv", "w", newline="") as times:
        losses, times = csv.writer(losses), csv.writer(times)
        losses.writerow(["step", "loss", "rate", "seconds"])
        times.writerow(["steps", "augmentation", "network", "prediction"])
        net.train()
        for step in range(o.steps):
            start = time.monotonic()
            grey, label, heavy = source.tile()
            between = time.monotonic()
            rate = RATE * factor(step, o.steps)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss = (F.cross_entropy(run(grey), label, reduction="none") * heavy).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimizer.step()
            value = loss.item()
            end = time.monotonic()
            if not math.isfinite(value):
                sys.exit(f"twin.py: the loss of step {step} is {value}.")
            augmenting, learning = augmenting + between - start, learning + end - between
            average, weight = 0.98 * average + 0.02 * value, 0.98 * weight + 0.02
            losses.writerow([step, f"{value:.8g}", f"{rate:.8g}", f"{end - begin:.3f}"])
            if (step + 1) % o.epoch == 0 or step + 1 == o.steps:
                start = time.monotonic()
                write_maps(net, unseen, out / f"step_{step + 1:06d}")
                predicting += time.monotonic() - start
                times.writerow([step + 1, f"{augmenting:.3f}", f"{learning:.3f}", f"{predicting:.3f}"])
                torch.save(net.state_dict(), out / f"step_{step + 1:06d}.pt")
                print(f"step {step + 1}/{o.steps}: loss {average / weight:.4f}; so far augmentation {augmenting:.0f} s, "
                      f"network {learning:.0f} s, prediction {predicting:.0f} s", flush=True)


def predict_with(o):
    from safetensors.torch import load_file
    net = Twin().to(memory_format=torch.channels_last)
    net.load_state_dict(load_file(o.weights) if o.weights.endswith(".safetensors") else torch.load(o.weights))
    held = o.holdout.split(",")
    write_maps(net, {name: grey for name, grey in read_slices(o.images).items() if name in held}, pathlib.Path(o.out),
               o.views)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=["train", "predict"])
    parser.add_argument("--images", required=True, help="folder of PNG or TIFF images")
    parser.add_argument("--labels", help="the same of their labels: 0 membrane, else interior")
    parser.add_argument("--holdout", required=True, help="names of the slices to predict, with commas between them")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--epoch", type=int, default=500, help="steps between predictions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--weights", help="to predict with: Oxbow's safetensors file, or a twin's step_<n>.pt")
    parser.add_argument("--views", choices=["none", "square"], default="none", help="to average when predicting")
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--no-elastic", action="store_true")
    parser.add_argument("--no-weights", action="store_true")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    o = parser.parse_args()
    if o.task == "train" and not o.labels or o.task == "predict" and not o.weights:
        parser.error("train needs --labels, predict needs --weights")
    if o.threads:
        torch.set_num_threads(o.threads)
    train(o) if o.task == "train" else predict_with(o)


if __name__ == "__main__":
    main()
