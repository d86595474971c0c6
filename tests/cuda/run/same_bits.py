#!/usr/bin/env python3
"""Runs a program several times; what it prints must not change. In a simulator each run has another order of blocks,
warps and streams, and another number of threads; on a GPU the runs are what they are.

usage: same_bits.py PROGRAM [ARGUMENTS…]
"""
import os
import subprocess
import sys

RUNS = [{"GPU_SIM_SEED": "0", "GPU_SIM_THREADS": "1"}, {"GPU_SIM_SEED": "1", "GPU_SIM_THREADS": "2"},
        {"GPU_SIM_SEED": "20", "GPU_SIM_THREADS": "2"}, {"GPU_SIM_SEED": "3", "GPU_SIM_DEFER": "1"}]


def main(command):
    seen = {}
    for extra in RUNS:
        done = subprocess.run(command, env={**os.environ, **extra}, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            return done.returncode
        seen.setdefault(done.stdout, []).append(extra)
    for text, runs in seen.items():
        print(text.strip() or "nothing was printed", "in", runs)
    return int(len(seen) != 1 or not next(iter(seen)).strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
