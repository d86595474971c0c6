#!/usr/bin/env python3
"""What a program with kernels for many instruction sets must be made of, and that it runs on an old CPU.

usage: multiarch.py PROGRAM --plain OBJECT… --baseline OBJECT… --avx2 OBJECT… --avx512 OBJECT…

--plain: objects that were compiled without an instruction set. The others: what oxbow_multiarch made for each. Checked:
plain and baseline objects have no instruction that an old CPU lacks, those of avx2 none of AVX-512; each set's objects show
the linker nothing but oxbow::kernels, so that it cannot take their copy of a function that others have as well; and
the program passes on emulated CPUs of each kind. Without the emulator (apt-get install qemu-user) that part is left
out, with a message.
"""
import argparse
import shutil
import subprocess
import sys

# Emulated CPUs, their best set, and the tests that they run; AVX-512 the emulator has not.
CPUS = {"Nehalem": ("baseline", "*"), "Haswell": ("avx2", "the CPU*")}


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


# Instructions of AVX and later begin with v; those of AVX-512 have masks or the registers from 16 on.
AVX512 = r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])"
AVX = r"^[[:space:]]+[0-9a-f]+:[[:space:]]+v[a-z]"
FORBIDDEN = {"plain": f"{AVX}|{AVX512}", "baseline": f"{AVX}|{AVX512}", "avx2": AVX512, "avx512": None}
WANTED = {"plain": "%rsp", "baseline": "%xmm", "avx2": "%ymm", "avx512": "%zmm"}


def first_line(path, pattern):
    """The first line of an object's disassembly that has the pattern."""
    command = f"objdump -d --no-show-raw-insn '{path}' | grep -m1 -E '{pattern}'"
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout.strip()


def faults(kind, path):
    if FORBIDDEN[kind] and (line := first_line(path, FORBIDDEN[kind])):
        yield f"{path} is {kind}, and has {line}"
    if not first_line(path, WANTED[kind]):
        yield f"{path} is {kind}, and has no {WANTED[kind]}"
    if kind != "plain":
        shown = [line.split()[-1] for line in lines_of("nm", "-g", "--defined-only", path)]
        strangers = [name for name in shown if not name.startswith("_ZN5oxbow7kernels")]
        if strangers or not shown:
            yield f"{path} shows the linker {strangers[:3] or 'nothing'}; oxbow::kernels must be all"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    for kind in ("plain", "baseline", "avx2", "avx512"):
        parser.add_argument(f"--{kind}", nargs="+", required=True)
    o = parser.parse_args()
    found = [f for kind in ("plain", "baseline", "avx2", "avx512") for path in getattr(o, kind) for f in faults(kind, path)]
    emulator = shutil.which("qemu-x86_64")
    if not emulator:
        print("no qemu-x86_64: not tried on old CPUs. Install it: apt-get install qemu-user")
    for cpu, (best, tests) in CPUS.items() if emulator else ():
        run = subprocess.run([emulator, "-cpu", cpu, o.program, f"--test-case={tests}"], capture_output=True, text=True)
        print(f"{cpu}: {run.stdout.splitlines()[-2] if run.stdout else run.stderr[-300:]}")
        if run.returncode or f"best: {best}\n" not in run.stdout:
            found.append(f"on a {cpu} the program must pass, and find {best}:\n{run.stdout[-2000:]}")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
