#!/usr/bin/env python3
"""The table of docs/gpu-performance.md from a simulator's reports: what kernels need at least, and what limits them.

usage: report.py REPORT.json…

A report is an object whose list "kernels" has an object per kernel, with totals over its "launches":
    name                           demangled
    blocks, block                  number of blocks; threads of one, an array of three
    static_shared, dynamic_shared  bytes per block
    ptxas_registers, ptxas_spill_bytes   per thread
    warp_instructions              {kind: number}
    mma_flops                      {"half": operations of the tensor cores in 16 bits}
    global_load, global_store      {"requested_bytes", "sectors" of 32 bytes, "unique_bytes"}
    shared                         {"wavefronts", "conflict_wavefronts"}
A kernel that a report has several launches of gets one line, with the mean launch: run a layer at a time where layers
share a kernel (weight gradients). Bounds come from counts and are no times: see docs/gpu-performance.md.
"""
import json
import math
import pathlib
import re
import sys

# multiprocessors, clock in Hz, mma.sync in operations/s, L2 and device memory in bytes/s, shared memory in bytes and
# registers of a multiprocessor
CHIPS = {"A100": (108, 1.41e9, 312e12, 5.0e12, 2.039e12, 164 * 1024, 65536),
         "H100": (132, 1.755e9, 620e12, 7.0e12, 3.35e12, 228 * 1024, 65536)}


def bound(kernel, chip):
    """Microseconds of a launch, and the resource that needs them."""
    multiprocessors, clock, mma, l2, memory, _, _ = chip
    launches = kernel["launches"]
    blocks = kernel["blocks"] / launches
    busy = min(blocks, multiprocessors)
    load, store = kernel["global_load"], kernel["global_store"]
    seconds = {
        "tensor": kernel["mma_flops"]["half"] / mma * multiprocessors / busy,
        "L2": 32 * (load["sectors"] + store["sectors"]) / l2,
        "shared": kernel["shared"]["wavefronts"] / clock / busy,
        "issue": sum(kernel["warp_instructions"].values()) / 4 / clock / busy,
        "memory": (load["unique_bytes"] + store["unique_bytes"]) / memory,
    }
    # the busiest multiprocessor has whole blocks
    rounds = math.ceil(blocks / multiprocessors) * busy / blocks
    seconds["tensor"] *= max(1, rounds)
    limit = max(seconds, key=seconds.get)
    return seconds[limit] / launches * 1e6, limit


def resident(kernel, chip):
    """Blocks that a multiprocessor holds at once; "?" where the report does not know the registers."""
    _, _, _, _, _, shared, registers = chip
    threads = math.prod(kernel["block"])
    by_shared = shared // (kernel["static_shared"] + kernel["dynamic_shared"] + 1024)
    if not kernel["ptxas_registers"]:
        return "?"
    by_registers = registers // (math.ceil(kernel["ptxas_registers"] / 8) * 8 * threads)
    return min(by_shared, by_registers, 2048 // threads, 32)


def sector_efficiency(kernel):
    """Bytes asked for over those of the sectors touched, of loads or of stores, whichever is less; above 100 % where
    lanes share."""
    both = [kernel["global_load"], kernel["global_store"]]
    return min((100 * x["requested_bytes"] / (32 * x["sectors"]) for x in both if x["sectors"]), default=100)


def label(kernel, report):
    """(kernel, layer): the layer from the shape in the name, or the report's own name."""
    name = kernel["name"]
    inner = re.search(r"enter<(?:\w+::)*(\w+)", name)
    shape = re.search(r"conv_shape\{(\d+), (\d+), (\d+), (\d+), (\d+), (\d+)", name)
    if not shape:
        what = ", data gradient" if inner and inner[1] == "conv_window" and "apply_grad" in name else ""
        return (inner[1] if inner else name[:40]) + what, report
    height, width, first, second, outputs, pad = map(int, shape.groups())
    what = "data gradient, dx " if pad == 2 else ""
    return inner[1], f"{what}{height} × {width}, {first + second} → {outputs}"


def main(reports):
    if not reports:
        sys.exit(__doc__.strip())
    print("| kernel | layer | A100, µs | H100, µs | limited by | sectors | conflicts | registers (spilled bytes) | "
          "shared memory, KB | blocks per multiprocessor, A100 / H100 |\n|" + "---|" * 10)
    total = dict.fromkeys(CHIPS, 0.0)
    for path in map(pathlib.Path, reports):
        try:
            kernels = json.loads(path.read_text())["kernels"]
        except (OSError, ValueError, KeyError) as error:
            sys.exit(f"report.py: {path} is no report of a simulator: {error!r}. The first lines of this program say "
                     "what one must hold.")
        for kernel in kernels:
            if re.search(r"enter<(?:\w+::)*(pack_weights|pad_bias)", kernel["name"]):
                continue  # once per change of the weights
            bounds = {chip: bound(kernel, CHIPS[chip]) for chip in CHIPS}
            for chip in CHIPS:
                total[chip] += bounds[chip][0] * kernel["launches"]
            limits = list(dict.fromkeys(limit for _, limit in bounds.values()))
            shared = kernel["shared"]
            conflicts = 100 * shared["conflict_wavefronts"] / max(1, shared["wavefronts"])
            name, layer = label(kernel, path.stem)
            times = f" (× {kernel['launches']})" if kernel["launches"] > 1 else ""
            print(f"| {name}{times} | {layer} | {bounds['A100'][0]:.1f} | {bounds['H100'][0]:.1f} | "
                  f"{' / '.join(limits)} | {sector_efficiency(kernel):.0f} % | {conflicts:.0f} % | "
                  f"{kernel['ptxas_registers']} ({kernel['ptxas_spill_bytes']}) | "
                  f"{(kernel['static_shared'] + kernel['dynamic_shared']) / 1024:.1f} | "
                  f"{' / '.join(str(resident(kernel, chip)) for chip in CHIPS.values())} |")
    print(f"| sum | | {total['A100']:.0f} | {total['H100']:.0f} | | | | | | |")


if __name__ == "__main__":
    main(sys.argv[1:])
