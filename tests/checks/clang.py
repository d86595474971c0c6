#!/usr/bin/env python3
"""Examples and benchmarks through clang++, as far as its syntax check goes: no errors, no warnings.

usage: clang.py BUILD

BUILD/compile_commands.json says how each is compiled. Ends with 77, which CTest counts as skipped, without clang++.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

project = pathlib.Path(__file__).resolve().parents[2]


def check(entry):
    words = shlex.split(entry["command"])
    flags = [word for word in words[1:] if word.startswith(("-I", "-D", "-W", "-std", "-march"))]
    flags += [f"-isystem{folder}" for word, folder in zip(words, words[1:]) if word == "-isystem"]
    # g++ is asked not to give some warnings that clang++ does not know.
    command = ["clang++", *flags, "-Wno-unknown-warning-option", "-Werror", "-fsyntax-only", entry["file"]]
    return subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True)


def main(build):
    if shutil.which("clang++") is None:
        print("skipped: no clang++. Install it: apt-get install clang")
        return 77
    entries = [entry for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
               if entry["file"].endswith(".cpp")
               and pathlib.Path(entry["file"]).parent in (project / "examples", project / "benchmarks")]
    if not entries:
        print(f"{build} compiles no example and no benchmark.")
        return 1
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for entry, done in zip(entries, pool.map(check, entries)):
            if done.returncode:
                failures += 1
                print(f"{entry['file']}:\n{done.stderr}")
    print(f"{len(entries) - failures} of {len(entries)} files pass.")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
