#!/usr/bin/env python3
"""What the pages show is what is compiled. Prints a line per fault; exit code 1 if there is one.

usage: check.py [ROOT] [--write]       ROOT is this checkout if not given

A code block of README.md or docs/*.md that stands behind
    <!-- from tests/docs/x.cpp name -->
is what tests/docs/x.cpp has between the lines // [name] and // [/name], without their common indentation; behind
    <!-- from examples/x.cpp -->
it is the whole file. --write puts it there. Besides:
    every block of C++ in docs/ has such a line; every name of tests/docs/*.cpp is shown somewhere;
    every link to a file of this checkout leads somewhere;
    docs/errors.md has the name and the sentence of every rule, and names every program in tests/rejects.
"""
import argparse
import pathlib
import re
import sys
import textwrap

BLOCK = re.compile(r"^<!-- from (\S+)(?: (\S+))? -->\n```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def snippets_of(text):
    """{name: code} of a source; None for a name that is opened and not closed, or twice."""
    found = {}
    for name in re.findall(r"^ *// \[(\w+)\]$", text, re.M):
        body = re.findall(rf"^ *// \[{name}\]\n(.*?)^ *// \[/{name}\]$", text, re.M | re.S)
        found[name] = textwrap.dedent(body[0]) if len(body) == 1 and name not in found else None
    return found


def code_of(root, file, name):
    """The code that a marker names, or a sentence on why there is none."""
    path = root / file
    if not path.is_file():
        return None, f"there is no {file}"
    if name is None:
        return path.read_text(), None
    code = snippets_of(path.read_text()).get(name)
    return code, None if code is not None else f"{file} has not one pair // [{name}] and // [/{name}]"


def check_page(root, page, shown, write):
    text, spelled = page.read_text(), page.relative_to(root).as_posix()
    faults = []

    def replaced(block):
        file, name, language, code = block.groups()
        shown.add((file, name))
        wanted, fault = code_of(root, file, name)
        if fault:
            faults.append(f"{spelled}: {fault}")
        elif code != wanted:
            if not write:
                faults.append(f"{spelled}: the block from {file} {name or ''} is not what the file has")
            return block.group(0).replace(f"```{language}\n{code}", f"```{language}\n{wanted}")
        return block.group(0)

    wanted = BLOCK.sub(replaced, text)
    if write and wanted != text:
        page.write_text(wanted)
    marked = {block.start(3) - 3 for block in BLOCK.finditer(text)}
    for block in re.finditer(r"^```(cpp|c\+\+)$", text, re.M):
        if page.parent.name == "docs" and block.start() not in marked:
            line = text.count("\n", 0, block.start()) + 1
            faults.append(f"{spelled}:{line}: this block of C++ has no line <!-- from … --> above it")
    for target in LINK.findall(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)):
        if "://" not in target and not (page.parent / target).exists():
            faults.append(f"{spelled}: the link to {target} leads nowhere")
    return faults


def check_errors(root):
    """The page of errors against the rules and the programs that break them."""
    page = " ".join((root / "docs/errors.md").read_text().split())
    rules = (root / "include/oxbow/check/rules.hpp").read_text()
    for rule, body in re.findall(r"struct (\w+) \{\s*static_assert\(\s*never<[^>]*>,(.*?)\);\s*\};", rules, re.S):
        sentence = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', body)).replace('\\"', '"')
        for part in (f"`{rule}`", sentence):
            if part not in page:
                yield f"docs/errors.md: does not say {part}"
    for program in sorted((root / "tests/rejects").glob("*.cpp")):
        if f"({pathlib.PurePosixPath('../tests/rejects', program.name)})" not in page:
            yield f"docs/errors.md: has no link to tests/rejects/{program.name}"


def main():
    parser = argparse.ArgumentParser(description="Holds the pages to the code that they show.")
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--write", action="store_true", help="put the code into the pages")
    args = parser.parse_args()
    root = args.root.resolve()

    pages = [p for p in (root / "README.md", *sorted((root / "docs").glob("*.md"))) if p.is_file()]
    shown, faults = set(), []
    for page in pages:
        faults += check_page(root, page, shown, args.write)
    for source in sorted((root / "tests/docs").glob("*.cpp")):
        spelled = source.relative_to(root).as_posix()
        faults += [f"{spelled}: no page shows [{name}]" for name in snippets_of(source.read_text())
                   if (spelled, name) not in shown]
    if (root / "docs/errors.md").is_file():
        faults += check_errors(root)
    print("\n".join(faults) if faults else f"{len(pages)} pages, {len(shown)} blocks of code, no fault")
    return bool(faults) or not pages


if __name__ == "__main__":
    sys.exit(main())
