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

# name, multiprocessors, clock in Hz, mma.sync in operations/s, L2 and device memory in bytes/s, shared memory in bytes
# and registers of a multiprocessor
CHIPS = {"A100": ("A100", 108, 1.41e9, 312e12, 5.0e12, 2.039e12, 164 * 1024, 65536),
         "H100": ("H100", 132, 1.755e9, 620e12, 7.0e12, 3.35e12, 228 * 1024, 65536)}


def bound(kernel, chip):
    """Microseconds of a launch, and the resource that needs them."""
    _, multiprocessors, clock, mma, l2, memory, _, _ = chip
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
    # the busiest multiprocessor has whole blocks; a report that looks at each launch by itself knows better where a
    # kernel was launched with several shapes
    exact = kernel.get(f"estimate_{chip[0]}_us_per_launch", {}).get("tensor")
    rounds = math.ceil(blocks / multiprocessors) * busy / blocks
    seconds["tensor"] = exact * launches / 1e6 if exact else seconds["tensor"] * max(1, rounds)
    limit = max(seconds, key=seconds.get)
    return seconds[limit] / launches * 1e6, limit


def resident(kernel, chip):
    """Blocks that a multiprocessor holds at once; "?" where the report does not know the registers."""
    *_, shared, registers = chip
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


SINKS = {"head_loss": "head and loss", "head_logits": "head", "scatter": "pooling's gradient",
         "sides": "both sides of a join", "store_and_pool": "pooled"}


def label(kernel, report):
    """(kernel, layer): the layer from the shape in the name, or the report's own name."""
    name = kernel["name"]
    inner = re.search(r"enter<(?:\w+::)*(\w+)", name)
    what = inner[1] if inner else name[:40]
    sink = [words for word, words in SINKS.items() if word + "<" in name]
    shape = re.search(r"conv_shape\{(\d+), (\d+), (\d+), (\d+), (\d+), (\d+)", name)
    if not shape:
        back = what == "conv_window" and ("apply_grad" in name or "add_bias" not in name)
        return what + (", data gradient" if back else ""), ", ".join(word for word in [report, *sink] if word)
    height, width, first, second, outputs, pad = map(int, shape.groups())
    back = "data gradient, dx " if "add_bias" not in name and "head_" not in name else ""
    return what, ", ".join([f"{back}{height} × {width}, {first + second} → {outputs}", *sink])


HEADER = ("| kernel | layer | A100, µs | H100, µs | limited by | sectors | conflicts | registers (spilled bytes) | "
          "shared memory, KB | blocks per multiprocessor, A100 / H100 |\n|" + "---|" * 10)


def line(kernel, report, bounds):
    """A line of the table. bounds: {chip: (microseconds of a launch, limit)}."""
    limits = list(dict.fromkeys(limit for _, limit in bounds.values()))
    shared = kernel["shared"]
    conflicts = 100 * shared["conflict_wavefronts"] / max(1, shared["wavefronts"])
    name, layer = label(kernel, report)
    times = f" (× {kernel['launches']})" if kernel["launches"] > 1 else ""
    return (f"| {name}{times} | {layer} | {bounds['A100'][0]:.1f} | {bounds['H100'][0]:.1f} | "
            f"{' / '.join(limits)} | {sector_efficiency(kernel):.0f} % | {conflicts:.0f} % | "
            f"{kernel['ptxas_registers']} ({kernel['ptxas_spill_bytes']}) | "
            f"{(kernel['static_shared'] + kernel['dynamic_shared']) / 1024:.1f} | "
            f"{' / '.join(str(resident(kernel, chip)) for chip in CHIPS.values())} |")


def kernels_of(path):
    try:
        return json.loads(path.read_text())["kernels"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{sys.argv[0]}: {path} is no report: {error!r}. The first lines of gpu/report.py say what one must "
                 "hold.")


def main(reports):
    if not reports:
        sys.exit(__doc__.strip())
    print(HEADER)
    total = dict.fromkeys(CHIPS, 0.0)
    for path in map(pathlib.Path, reports):
        for kernel in kernels_of(path):
            if "pack_weights" in kernel["name"]:
                continue  # once per change of the weights from outside
            bounds = {chip: bound(kernel, CHIPS[chip]) for chip in CHIPS}
            for chip in CHIPS:
                total[chip] += bounds[chip][0] * kernel["launches"]
            print(line(kernel, path.stem, bounds))
    print(f"| sum | | {total['A100']:.0f} | {total['H100']:.0f} | | | | | | |")


if __name__ == "__main__":
    main(sys.argv[1:])
