#!/usr/bin/env python3
"""Each program in this folder breaks one rule: it must not compile, and the compiler must say why in one short error.

usage: check.py g++|clang++|nvcc [--folder FOLDER] [--include FOLDER] [--jobs N] [--show] [NAME…]

A program states what must be printed:
    // expect: REGEX      is found somewhere in the output
    // rule: REGEX        the rule that it breaks, as the compilers spell it
    // first: REGEX       is found in the first line of the output that names the rule: layer, path, sizes
and the output must have exactly one error in at most 15 lines. Exit codes: 0 all is well, 1 something is not,
77 the compiler is not here. --show prints what the compiler said, for the documentation.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

COMPILERS = {
    "g++": ["g++", "-std=c++20", "-fsyntax-only"],
    "clang++": ["clang++", "-std=c++20", "-fsyntax-only"],
    "nvcc": ["nvcc", "-std=c++20", "-x", "cu", "--expt-relaxed-constexpr", "-arch=sm_80", "-c", "-o", os.devnull],
}
MOST_LINES = 15
SKIPPED = 77


def compile_program(compiler, source, include):
    """Exit code and output, as a user sees it who compiles from the folder above the programs."""
    command = [*COMPILERS[compiler], f"-I{os.path.relpath(include, source.parent)}", source.name]
    run = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, timeout=300,
                         env={**os.environ, "LC_ALL": "C"})
    return run.returncode, run.stdout + run.stderr


def faults_of(text, code, output):
    """What is wrong with this output, one sentence each."""
    promises = {key: re.findall(rf"^// {key}: *(.+?) *$", text, re.M) for key in ("expect", "rule", "first")}
    lines = output.splitlines()
    errors = len(re.findall(r"\berror\b[^:\n]*:", output))
    if code == 0:
        yield "it compiles"
        return
    if errors != 1:
        yield f"{errors} errors, not one"
    if len(lines) > MOST_LINES:
        yield f"{len(lines)} lines; at most {MOST_LINES}"
    if not promises["expect"]:
        yield "it has no line // expect: REGEX"
    for regex in promises["expect"]:
        if not re.search(regex, output):
            yield f"not said: {regex}"
    if len(promises["rule"]) != 1:
        yield "it needs one line // rule: REGEX"
        return
    if not promises["first"]:
        yield "it has no line // first: REGEX"
    naming = next((line for line in lines if re.search(promises["rule"][0], line)), None)
    if naming is None:
        yield f"no line names the rule {promises['rule'][0]}"
    else:
        for regex in promises["first"]:
            if not re.search(regex, naming):
                yield f"the first line that names the rule does not say {regex}: {naming.strip()}"


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Compiles programs that must not compile.")
    parser.add_argument("compiler", choices=COMPILERS)
    parser.add_argument("names", nargs="*", help="programs without .cpp; all if none is named")
    parser.add_argument("--folder", type=pathlib.Path, default=here)
    parser.add_argument("--include", type=pathlib.Path, default=here.parents[1] / "include")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print the compilers' words")
    args = parser.parse_intermixed_args()

    if not shutil.which(args.compiler):
        print(f"skipped: {args.compiler} is not installed here")
        return SKIPPED
    sources = sorted(s for s in args.folder.resolve().glob("*.cpp") if not args.names or s.stem in args.names)
    if not sources:
        print(f"no program to check in {args.folder}")
        return 1

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = pool.map(lambda source: compile_program(args.compiler, source, args.include.resolve()), sources)
        for source, (code, output) in zip(sources, runs):
            faults = list(faults_of(source.read_text(), code, output))
            bad += bool(faults)
            print(f"{source.stem}: {'; '.join(faults) or f'{len(output.splitlines())} lines, as promised'}", flush=True)
            if faults or args.show:
                print("".join(f"    {line}\n" for line in output.splitlines()[:60]), flush=True)
    print(f"{args.compiler}: {len(sources) - bad} of {len(sources)} programs are rejected as promised")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
