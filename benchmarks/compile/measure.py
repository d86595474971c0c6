#!/usr/bin/env python3
"""Seconds and megabytes that a network costs to compile, as tables in Markdown.

usage: measure.py [--compilers g++,clang++,nvcc] [--repeat N] [--plan-only] [--net NAME]…

The first table is the front end alone: check and plan, by depth and by network. The second is whole translation
units that run on the host: infer.cpp and train.cpp, at -O2. Seconds are user + system, megabytes the largest
process of the compiler; the fastest of N runs. A compiler that is not installed is left out.
"""
import argparse
import os
import pathlib
import shutil
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
include = here.parents[1] / "include"

COMPILERS = {
    "g++": ["g++", "-std=c++20"],
    "clang++": ["clang++", "-std=c++20"],
    "nvcc": ["nvcc", "-std=c++20", "-x", "cu", "--expt-relaxed-constexpr", "-arch=sm_80"],
}
# Where the paper's tile is not legal, the next larger one.
NETS = {f"depth {d}": (f"unet<{d}, 64>", "764, 764" if d == 6 else "572, 572") for d in range(1, 7)} | {
    "unet_2015": ("unet_2015", "572, 572"),
    "residual_unet": ("residual_unet", "256, 256"),
    "unet_plus_plus": ("unet_plus_plus", "256, 256"),
}
USES = {1: "check", 2: "plan inference", 3: "plan training"}


def compile_once(command, source, net, tile, use):
    """(seconds, megabytes) of one compilation; exits with the compiler's words if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        # Through a file, because nvcc splits -D at commas.
        subject = pathlib.Path(folder, "subject.cpp")
        subject.write_text(f"#define NET {net}\n#define TILE {tile}\n#define USE {use}\n#include \"{source}\"\n")
        words = pathlib.Path(folder, "words")
        child = os.fork()
        if child == 0:
            out = os.open(words, os.O_WRONLY | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.execvp(command[0], [*command, f"-I{include}", "-c", str(subject), "-o", f"{folder}/subject.o"])
        _, status, used = os.wait4(child, 0)  # counts the compiler's own children, too
        if status:
            sys.exit(f"{' '.join(command)} fails on {source.name} with {net}, tile<{tile}>, USE={use}:\n"
                     + words.read_text(errors="replace")[:4000])
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def cell(command, source, net, tile, use, repeat):
    seconds, megabytes = min(compile_once(command, source, net, tile, use) for _ in range(repeat))
    return f"{seconds:.2f} s, {megabytes:.0f} MB"


def table(title, compilers, rows, repeat):
    """rows: (first column, second column, source, net, tile, use)"""
    print(f"\n{title}\n\n| network | what | " + " | ".join(compilers) + " |\n|---|---|" + "---|" * len(compilers))
    for name, what, *subject in rows:
        cells = [cell(command, *subject, repeat) for command in compilers.values()]
        print(f"| {name} | {what} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description="What a network costs to compile.")
    parser.add_argument("--compilers", default=",".join(COMPILERS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--plan-only", action="store_true", help="leave out the translation units that run")
    parser.add_argument("--net", action="append", choices=NETS, help="this network only; may be repeated")
    args = parser.parse_args()
    unknown = set(args.compilers.split(",")) - set(COMPILERS)
    if unknown:
        parser.error(f"unknown compiler {', '.join(unknown)}: choose from {', '.join(COMPILERS)}")
    chosen = {c: COMPILERS[c] for c in args.compilers.split(",") if shutil.which(c)}
    if not chosen:
        parser.error("none of these compilers is installed")
    nets = {name: NETS[name] for name in args.net or NETS}

    plan = [("none", "the headers alone", here / "plan.cpp", "void", "1, 1", 0)]
    plan += [(name, what, here / "plan.cpp", *net, use) for name, net in nets.items() for use, what in USES.items()]
    table("Front end alone, -O0", chosen, plan, args.repeat)
    if args.plan_only:
        return
    host = {f"{c} -O2": [*command, "-O2", "-march=native"] for c, command in chosen.items() if c != "nvcc"}
    units = [(name, program, here / f"{program}.cpp", *net, 0)
             for name, net in nets.items() for program in ("infer", "train")]
    table("Translation units that run on the host", host, units, args.repeat)


if __name__ == "__main__":
    main()
