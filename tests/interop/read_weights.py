"""Loads a U-Net's weights, saved by Oxbow, into the same U-Net in PyTorch, and compares what both make of a tile.

usage: python read_weights.py WEIGHTS.safetensors [--same] [--release] [--tile TILE.npy --logits LOGITS.npy]

  WEIGHTS   of any unet<Depth, First, Classes, Border>, unet_2015 or unet_2015_release, written by save_weights
  --same    the network pads with zeros (pad::zero) and so keeps the size
  --release the network is unet_2015_release
  TILE      what network::infer was given, and LOGITS what it gave, channels last, written by write_npy; without
            them the weights are loaded and the network is printed

Depth, channels and classes are read off the tensors. Exits with 1 where a logit differs by more than 1e-4 of the
largest. Needs torch, numpy and safetensors.
"""
import argparse
import sys

import numpy as np
import safetensors.torch
import torch

import networks


def network_of(weights, same, release):
    """The U-Net whose parameters have these shapes, with these weights."""
    first, channels, *window = weights["level1.encode.conv1.weight"].shape
    depth = sum(name.endswith(".encode.conv1.weight") for name in weights)
    net = networks.UNet(depth, first, weights["conv1.weight"].shape[0], channels, same, len(window), release=release)
    net.load_state_dict(weights)
    return net.eval()


def as_batch(array, dimensions, channels):
    """Channels last, with the axis of a single channel left out or not → 1 × channels × size."""
    array = array[..., None] if array.ndim == dimensions and channels == 1 else array
    return torch.from_numpy(array.astype("f4")).movedim(-1, 0)[None]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("weights")
    arguments.add_argument("--same", action="store_true")
    arguments.add_argument("--release", action="store_true")
    arguments.add_argument("--tile")
    arguments.add_argument("--logits")
    given = arguments.parse_args()
    net = network_of(safetensors.torch.load_file(given.weights), given.same, given.release)
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {net.depth} poolings, "
          f"{net.conv1.out_channels} classes")
    if not (given.tile and given.logits):
        print(net)
        return
    first = net.level1["encode"]["conv1"]
    dimensions = first.weight.ndim - 2
    try:
        with torch.no_grad():
            ours = net(as_batch(np.load(given.tile), dimensions, first.in_channels))
    except RuntimeError as error:
        sys.exit(f"PyTorch cannot run this tile: {error} Is --same {'wrong' if given.same else 'missing'}?")
    theirs = as_batch(np.load(given.logits), dimensions, net.conv1.out_channels)
    if ours.shape != theirs.shape:
        sys.exit(f"PyTorch makes logits of shape {tuple(ours.shape[1:])}, but the file has {tuple(theirs.shape[1:])}. "
                 f"Is --same {'wrong' if given.same else 'missing'}?")
    largest, worst = float(ours.abs().max()), float((ours - theirs).abs().max())
    same_class = float((ours.argmax(1) == theirs.argmax(1)).double().mean())
    print(f"largest logit {largest:.6g}, largest difference {worst:.3g} ({worst / largest:.2g} of it); "
          f"the same class at {same_class:.4%} of the pixels")
    if not worst <= 1e-4 * largest:
        sys.exit("PyTorch and Oxbow disagree.")


if __name__ == "__main__":
    main()
