#!/usr/bin/env python3
"""A test of host/ on 128-bit ARM vectors: compiled by the cross compiler, run by the emulator.

usage: neon.py TOPIC…

TOPIC.cpp lies in tests/host/. Ends with 77, which CTest counts as skipped, where a tool is missing:
apt-get install g++-aarch64-linux-gnu qemu-user
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

tests = pathlib.Path(__file__).resolve().parents[1]
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"


def main(topics):
    for tool in (COMPILER, EMULATOR):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool}. Install it: apt-get install g++-aarch64-linux-gnu qemu-user")
            return 77
    with tempfile.TemporaryDirectory() as folder:
        for topic in topics:
            source, program = tests / "host" / f"{topic}.cpp", f"{folder}/{topic}"
            # Static, so that the emulator needs no ARM libraries. No assembly is left out: what does not compile fails.
            subprocess.run([COMPILER, "-std=c++20", "-O1", "-ffp-contract=fast", "-Wall", "-Wextra", "-static",
                            f"-I{tests.parent / 'include'}", str(source), str(tests / "main.cpp"), "-o", program],
                           check=True)
            print(f"{topic}:", flush=True)
            if subprocess.run([EMULATOR, program]).returncode:
                return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
