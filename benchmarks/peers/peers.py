#!/usr/bin/env python3
"""Oxbow beside other software that runs the same networks on a CPU: times, memory, how soon the first result is there.

usage: peers.py [--build FOLDER] [--case NAME]… [--task infer|train]… [--peer NAME]… [--rounds N] [--runs N]
                [--record FILE]
       peers.py --table FILE

One round runs Oxbow and then each peer, a new process for every measurement, so that a clock that drifts meets all
alike. A process makes one first result and then N more, which are timed. All use the same weights, tile, labels and
threads; before the first round each peer's logits are compared with Oxbow's. A peer that is not installed, or has no
training, is left out with a message. Memory is the largest resident size of the process; latency is from the start of
the process to its first result.

The tables are printed at the end. With --record, results are added to FILE as lines of JSON, and the tables come from
all of FILE: so one may measure a part at a time.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

here = pathlib.Path(__file__).resolve().parent
root = here.parents[1]

PAPER = {"depth": 4, "first": 64, "paper": True}
# What ours.cpp is built for (CMakeLists.txt), and the same network for tests/interop/networks.py.
CASES = {
    "unet_2015/572": PAPER,
    "unet_2015/700": PAPER,
    "unet_small/256": {"depth": 3, "first": 16, "same": True},
    "unet_16_wide/572": {"depth": 4, "first": 16},
}
PYTHON_PEERS = {"pytorch": "torch", "pytorch_malloc": "torch", "pytorch_compiled": "torch",
                "onnxruntime": "onnxruntime", "openvino": "openvino"}
# PyTorch gives every large tensor back to the system and takes it anew, page by page, unless malloc keeps it.
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 30)}
# Ours as it comes, and with host{.keep_weights = false}, which is about prediction alone.
OURS = {"oxbow": [], "oxbow_frugal": ["--keep-weights", "0"]}
INFERENCE_ONLY = {"onnxruntime", "openvino", "oxbow_frugal"}
AGREE = 1e-4  # of the largest logit: fast algorithms differ from direct ones by some 1e-6, a wrong network by 1


class Unable(Exception):
    """Why a measurement cannot be made."""


def run_process(command, environment=None, threads=None):
    """(stdout, seconds on the monotonic clock at its start, peak megabytes) of a process; Unable if it fails."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=os.environ | (environment or {}),
                             preexec_fn=lambda: keep_to(threads) if threads else None)
    out, errors = read_both(child)
    _, status, used = os.wait4(child.pid, 0)  # not wait(): it would drop the usage
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        words = [line for line in errors.splitlines() if line.strip()]
        raise Unable(f"exit status {child.returncode}: {words[-1][:200] if words else 'no message'}")
    return out, begin, used.ru_maxrss / 1024


def keep_to(threads):
    """Libraries without an option for it start as many threads as they may use cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def read_both(child):
    import selectors
    texts = {child.stdout: [], child.stderr: []}
    with selectors.DefaultSelector() as ready:
        for pipe in texts:
            ready.register(pipe, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                piece = os.read(key.fd, 65536)
                if piece:
                    texts[key.fileobj].append(piece)
                else:
                    ready.unregister(key.fileobj)
    return tuple(b"".join(pieces).decode(errors="replace") for pieces in texts.values())


class Measurer:
    def __init__(self, o):
        self.o = o
        self.folders = pathlib.Path(o.build, "benchmarks", "peers")
        self.programs = {}  # of peers in C++: command and environment
        self.skipped = set()

    def ours(self, case):
        program = self.folders / ("ours_" + case.replace("/", "_"))
        if not program.exists():
            raise SystemExit(f"{program} is missing. Build it: cmake --preset bench && "
                             "cmake --build build/bench --target peers_ours; or name another --build folder.")
        return program

    def folder(self, case):
        """Weights, tile and labels of a case; prepared once, and again when ours was built again."""
        folder = self.folders / "prepared" / case.replace("/", "_")
        program, done = self.ours(case), folder / "done"
        if done.exists() and done.stat().st_mtime > program.stat().st_mtime:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        out, _, _ = run_process([program, "--task", "prepare", "--folder", folder])
        (folder / "tensors.json").write_text(out)
        try:
            run_process(self.python({"task": "export", "folder": str(folder)} | self.subject(case)))
        except Unable as why:
            self.skip("the export to ONNX and to the peers in C++", f"{why}. They need the packages torch, onnx, "
                      "onnxscript and numpy.")
        done.touch()
        return folder

    def subject(self, case):
        return {"arguments": CASES[case], "tile": int(case.split("/")[1]), "threads": self.o.threads}

    def python(self, settings):
        return [sys.executable, str(here / "python_peers.py"), json.dumps(settings)]

    def skip(self, what, why):
        if what not in self.skipped:
            print(f"skipped {what}: {why}", file=sys.stderr)
        self.skipped.add(what)

    def compile_peer(self, source, flags, environment, name):
        """A peer in C++; None, with a message, when it cannot be built."""
        program, built_by = self.folders / name, self.folders / f"{name}.command"
        command = ["c++", "-std=c++20", "-O3", "-march=native", str(here / source), *flags, "-o", str(program)]
        newest = max((here / file).stat().st_mtime for file in (source, "run.hpp"))
        current = program.exists() and program.stat().st_mtime > newest and built_by.exists()
        if not current or built_by.read_text() != " ".join(command):
            try:
                run_process(command)
            except Unable as why:
                return self.skip(name, f"{source} does not compile ({why})")
            built_by.write_text(" ".join(command))
        self.programs[name] = ([str(program)], environment)

    def find(self):
        """The names of the peers that are here."""
        import importlib.util
        found = []
        for name, package in PYTHON_PEERS.items():
            if importlib.util.find_spec(package):
                found.append(name)
            else:
                self.skip(name, f"no Python package {package}")
        wanted = self.o.peer
        for k, prefix in enumerate(map(pathlib.Path, self.o.onednn or [sys.prefix])):
            name = "onednn" if k == 0 else f"onednn_{k + 1}"
            if wanted and name not in wanted:
                continue
            if not (prefix / "include" / "oneapi" / "dnnl" / "dnnl.hpp").exists():
                self.skip(name, f"no include/oneapi/dnnl/dnnl.hpp under {prefix}")
                continue
            library = str(prefix / "lib")
            # The wheel of the newest version runs on OpenCL's CPU device, which it brings along.
            opencl = prefix / "lib" / "libintelocl.so"
            environment = {"LD_LIBRARY_PATH": library} | ({"OCL_ICD_FILENAMES": str(opencl)} if opencl.exists() else {})
            self.compile_peer("onednn.cpp", ["-isystem", str(prefix / "include"), f"-L{library}", "-ldnnl",
                                             f"-Wl,-rpath,{library}", "-Wl,--allow-shlib-undefined"], environment, name)
        if not wanted or "dlib" in wanted:
            if pathlib.Path("/usr/include/dlib/dnn.h").exists():
                self.compile_peer("dlib.cpp", ["-ldlib", "-lblas", "-llapack", "-lpthread"], {}, "dlib")
            else:
                self.skip("dlib", "no dlib/dnn.h")
        found += [*self.programs, "oxbow_frugal"]
        return [name for name in found if not wanted or name in wanted]

    def measure(self, who, case, task, logits=None, runs=None):
        """One process."""
        folder, runs, threads = self.folder(case), runs or self.o.runs, self.o.threads
        network, size = case.split("/")
        words = ["--task", task, "--runs", str(runs), "--threads", str(threads)]
        words += ["--logits", str(logits)] if logits else []
        environment = {}
        if who in OURS:
            command = [str(self.ours(case)), *words, "--folder", str(folder), *OURS[who]]
        elif who in self.programs:
            program, environment = self.programs[who]
            command = [*program, *words, "--network", network, "--tile", size, "--folder", str(folder)]
        else:
            command = self.python({"peer": who, "task": task, "runs": runs, "folder": str(folder),
                                   "logits": str(logits) if logits else None} | self.subject(case))
        out, begin, megabytes = run_process(command, environment | self.setting(who), threads)
        result = json.loads(out.splitlines()[-1])
        return {"who": who, "case": case, "task": task, "latency": result["first"] - begin, "mbytes": megabytes,
                "seconds": result["seconds"], "loss": result["loss"], "version": result["version"], "threads": threads}

    def setting(self, who):
        """Variables of a peer's process."""
        if who in OURS:
            return {}
        kept = KEEP if who == "pytorch_malloc" else {}
        return kept | dict(word.split("=", 1) for word in self.o.environment or [])

    def agreed(self, who, case):
        """Compares one peer's logits with ours; a peer that computes something else is not measured."""
        folder = self.folder(case)
        ours, theirs = folder / "oxbow.bin", folder / f"{who}.bin"
        if theirs.exists() and theirs.stat().st_mtime > self.ours(case).stat().st_mtime:
            return
        self.measure("oxbow", case, "infer", ours, 1)
        self.measure(who, case, "infer", theirs, 1)
        a, b = floats(ours), floats(theirs)
        if len(a) != len(b):
            theirs.unlink()
            raise Unable(f"{len(b)} logits, Oxbow has {len(a)}")
        scale = max(map(abs, a))
        worst = max(abs(x - y) for x, y in zip(a, b)) / scale
        if not worst <= AGREE:
            theirs.unlink()
            raise Unable(f"its logits differ from Oxbow's by {worst:.2g} of the largest; at most {AGREE} is rounding")


def floats(path):
    import array
    data = array.array("f")
    data.frombytes(path.read_bytes())
    return data


def measure_all(o):
    m = Measurer(o)
    peers = m.find()
    records = []
    for case in o.case or CASES:
        for task in o.task or ["infer", "train"]:
            able = []
            for who in peers:
                if task == "train" and who in INFERENCE_ONLY:
                    m.skip(f"{who} {task}", "it does not train")
                    continue
                try:
                    if task == "infer" and not o.unchecked:
                        m.agreed(who, case)
                    able.append(who)
                except Unable as why:
                    m.skip(f"{who} {case} {task}", why)
            for _ in range(o.rounds):
                beside = time.time()  # names the round
                for who in ["oxbow", *able]:
                    try:
                        record = m.measure(who, case, task)
                    except Unable as why:
                        m.skip(f"{who} {case} {task}", why)
                        continue
                    record["round"] = beside
                    records.append(record)
                    print(f"{case} {task} {who}: {statistics.median(record['seconds']):.4f} s, "
                          f"{record['mbytes']:.0f} MB, first result after {record['latency']:.2f} s", file=sys.stderr)
                    if o.record:
                        with open(o.record, "a") as file:
                            file.write(json.dumps(record) + "\n")
    return records


def milliseconds(seconds):
    return f"{seconds * 1e3:.0f}" if seconds >= .1 else f"{seconds * 1e3:.1f}"


def spread(values):
    """Median and, where there are enough values, the middle half."""
    if len(values) < 4:
        return milliseconds(statistics.median(values))
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{milliseconds(middle)} ({milliseconds(low)}–{milliseconds(high)})"


def tables(records):
    """Markdown: a table for each task, a row for each network and program."""
    lines = []
    for task, title in {"infer": "Inference of one tile", "train": "One training step"}.items():
        rows = {}
        for r in records:
            if r["task"] == task:
                rows.setdefault((r["case"], r["who"]), []).append(r)
        if not rows:
            continue
        lines += ["", f"### {title}", "",
                  "| network | program | ms, median (middle half) | times Oxbow | least and most, by round | peak MB "
                  "| times Oxbow | first result, s |",
                  "|---|---|---|---|---|---|---|---|"]
        cases = [c for c in CASES if any(case == c for case, _ in rows)]
        for case in cases:
            for who in sorted({w for c, w in rows if c == case}, key=lambda w: (w != "oxbow", w)):
                mine = rows[case, who]
                seconds = [s for r in mine for s in r["seconds"]]
                median = statistics.median(seconds)
                peak = statistics.median(r["mbytes"] for r in mine)
                name = f"{who} {mine[-1]['version'].split('-')[0]}".strip()
                cells = [f"`{case}`", name, spread(seconds)]
                # Against what of ours ran in the same rounds.
                rounds = {r["round"]: r for r in mine}
                ours = [r for r in rows.get((case, "oxbow"), []) if r["round"] in rounds]
                if ours and who != "oxbow":
                    our_median = statistics.median(s for r in ours for s in r["seconds"])
                    ratios = [statistics.median(rounds[r["round"]]["seconds"]) / statistics.median(r["seconds"])
                              for r in ours]
                    our_peak = statistics.median(r["mbytes"] for r in ours)
                    cells += [f"{median / our_median:.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}", f"{peak:.0f}",
                              f"{peak / our_peak:.2f}"]
                else:
                    cells += ["1", "", f"{peak:.0f}", "1"]
                cells.append(f"{statistics.median(r['latency'] for r in mine):.2f}")
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines).strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage=argparse.SUPPRESS)
    parser.add_argument("--build", default=str(root / "build" / "bench"), help="default: build/bench")
    parser.add_argument("--case", action="append", choices=CASES, help="a network and its tile (default: all)")
    parser.add_argument("--task", action="append", choices=["infer", "train"], help="default: both")
    parser.add_argument("--peer", action="append", help="oxbow's rival: " + ", ".join([*PYTHON_PEERS, "onednn", "dlib"])
                        + ", onednn_2 … (default: all that are here)")
    parser.add_argument("--onednn", action="append", metavar="PREFIX",
                        help="where oneDNN's include/ and lib/ are; one for each version (default: this Python's)")
    parser.add_argument("--rounds", type=int, default=5, help="how often ours and theirs alternate (default: 5)")
    parser.add_argument("--runs", type=int, default=5, help="timed results of each process (default: 5)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: one for each core")
    parser.add_argument("--environment", action="append", metavar="NAME=VALUE", help="set for the peers' processes")
    parser.add_argument("--unchecked", action="store_true", help="do not compare logits first")
    parser.add_argument("--prepare", action="store_true", help="only prepare: weights, exports, programs, comparisons")
    parser.add_argument("--record", metavar="FILE", help="add the results to FILE, and print the tables of all of it")
    parser.add_argument("--table", metavar="FILE", help="measure nothing: print the tables of FILE")
    o = parser.parse_args()
    if o.prepare:
        o.rounds, o.task = 0, ["infer"]
    records = [] if o.table else measure_all(o)
    if o.table or o.record:
        lines = pathlib.Path(o.table or o.record)
        records = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    print(tables(records))


if __name__ == "__main__":
    main()
