#!/usr/bin/env python3
"""The house rules of include/oxbow that a machine can see. Prints a line per fault; exit code 1 if there is one.

usage: layers.py [ROOT]        ROOT/include/oxbow is read; ROOT is this checkout if not given

Folders point one way: a header includes its own folder's headers and those of the folders that MAY lists.
The umbrella oxbow.hpp includes anything, and nothing includes it.
"""
import pathlib
import re
import sys

MAY = {
    "core": "",
    "net": "core",
    "graph": "core",
    "check": "core net graph",
    "lower": "core net graph check",
    "ops": "core graph",
    "host": "core graph ops lower",
    "cuda/arch": "core",
    "cuda/tile": "core cuda/arch",
    "cuda/tune": "core cuda/arch",
    "cuda/kernel": "core ops cuda/arch cuda/tile cuda/tune",
    "cuda/run": "core graph ops lower cuda/arch cuda/tile cuda/tune cuda/kernel",
    "train": "core ops lower",
    "augment": "core",
    "predict": "core lower",
    "objects": "core",
    "metrics": "core objects",
    "io": "core lower",
}
# Libraries that stay in one folder.
ONLY = {r"(xtensor|xtl|nlohmann|tiff|png)\b": "io", r"xsimd\b": "host", r"(cuda|thrust/|cub/|cooperative_groups)": "cuda"}
LONGEST_HEADER = 400  # lines
WIDEST_LINE = 120     # characters


def folder_of(spelled):
    """The folder in MAY of a header spelled oxbow/…; None for the umbrella and for a folder nobody knows."""
    parts = spelled.split("/")[1:-1]
    return next((f for f in ("/".join(parts[:2]), "/".join(parts[:1])) if f in MAY), None)


def faults_of(header, include):
    spelled = header.relative_to(include).as_posix()
    text = header.read_text()
    lines = text.splitlines()
    folder = folder_of(spelled)
    umbrella = spelled.count("/") == 1
    if folder is None and not umbrella:
        yield f"{spelled}: no layer has this folder; give it a line in MAY"
        return
    if not lines or not re.match(r"// \S", lines[0]):
        yield f"{spelled}:1: the first line must be a comment that says what this header is"
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("//")]
    if not code or code[0] != "#pragma once":
        yield f"{spelled}: #pragma once must come before any other code"
    if len(lines) > LONGEST_HEADER:
        yield f"{spelled}: {len(lines)} lines; past {LONGEST_HEADER} there are usually two ideas"
    for number, line in enumerate(lines, 1):
        at = f"{spelled}:{number}"
        if len(line) > WIDEST_LINE:
            yield f"{at}: {len(line)} characters; at most {WIDEST_LINE}"
        if re.search(r"\basm\b\s*(volatile)?\s*\(", line.split("//")[0]) and folder != "cuda/arch":
            yield f"{at}: asm outside cuda/arch"
        found = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)", line)
        if not found:
            continue
        quote, target = found.groups()
        if quote == '"':
            yield f'{at}: include "{target}": spell it <oxbow/…>'
        elif target.startswith("oxbow/"):
            to = folder_of(target)
            if not (include / target).is_file():
                yield f"{at}: there is no {target}"
            elif to is None:
                yield f"{at}: nothing includes the umbrella {target}"
            elif folder and to != folder and to not in MAY[folder].split():
                yield f"{at}: {folder} includes {target}; it may include {MAY[folder] or 'nothing'}"
        elif not umbrella:
            for library, home in ONLY.items():
                if re.match(library, target) and folder.split("/")[0] != home:
                    yield f"{at}: <{target}> outside {home}/"


def main(root):
    include = root / "include"
    headers = sorted(h for h in include.glob("oxbow/**/*") if h.suffix in (".hpp", ".cuh", ".h"))
    faults = [fault for header in headers for fault in faults_of(header, include)]
    print("\n".join(faults) if faults else f"{len(headers)} headers, no fault")
    return bool(faults) or not headers


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]))
