#!/usr/bin/env python3
"""unet_2015 at 572, batch 1, 16 bits, on a GPU: Oxbow's programs beside PyTorch's, in turn.

usage: gpu.py BUILD [--chip h100|a100] [--rounds N] [--runs N]

BUILD is a build folder in which the target gpu_programs has been built. PyTorch's twin is channels-last, in half
precision, with cuDNN's choice by trial, and runs as a user would write it (eager) and as a captured graph of everything
between upload and answer. A call's time is from the host's tile to the host's logits, or loss, its own upload included;
the graph of a training step leaves out the scaling of the loss, which costs PyTorch nothing that way. Prints a line per
program and task: the median of the rounds in milliseconds, the least and the largest, and its ratio to Oxbow's. A round
is the median of its calls, Oxbow's their mean.
"""
import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

import plain

SIZE, OUTPUT = 572, 388


class Peer(plain.PlainUNet):
    in_place = True

    def __init__(self):
        super().__init__(depth=4, first=64, paper=True)


def milliseconds(call, runs):
    times = []
    for _ in range(runs):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def captured(work):
    """work, as a graph. It has run a few times on another stream before."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()
    return graph, result


def inference(how):
    net = Peer().cuda().half().to(memory_format=torch.channels_last).eval()
    tile = torch.randn(1, 1, SIZE, SIZE).pin_memory()
    logits = torch.empty(1, 2, OUTPUT, OUTPUT).pin_memory()
    if how == "eager":
        @torch.inference_mode()
        def call():
            x = tile.cuda(non_blocking=True).half().to(memory_format=torch.channels_last)
            logits.copy_(net(x).float())
        return call
    x = tile.cuda()

    @torch.no_grad()
    def work():
        return net(x.half().to(memory_format=torch.channels_last)).float()
    graph, result = captured(work)

    def call():
        x.copy_(tile, non_blocking=True)
        graph.replay()
        logits.copy_(result)
    return call


def training(how):
    net = Peer().cuda().to(memory_format=torch.channels_last).train()
    tile = torch.randn(1, 1, SIZE, SIZE).pin_memory()
    labels = torch.randint(0, 2, (1, OUTPUT, OUTPUT)).pin_memory()
    weights = torch.ones(1, OUTPUT, OUTPUT).pin_memory()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=.99, fused=True)
    x, y, w = tile.cuda(), labels.cuda(), weights.cuda()

    def upload():
        x.copy_(tile, non_blocking=True), y.copy_(labels, non_blocking=True), w.copy_(weights, non_blocking=True)

    def loss_of():
        with torch.autocast("cuda", torch.float16, cache_enabled=how == "eager"):
            logits = net(x.to(memory_format=torch.channels_last))
        return (F.cross_entropy(logits.float(), y, reduction="none") * w).mean()
    if how == "eager":
        scaler = torch.amp.GradScaler("cuda")

        def call():
            upload()
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss.item()
        return call

    def work():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss.detach()
    graph, result = captured(work)

    def call():
        upload()
        graph.replay()
        return result.item()
    return call


def ours(build, task, chip, runs):
    program = build / "benchmarks" / f"gpu_{task}_{chip}"
    said = subprocess.run([program, str(runs)], capture_output=True, text=True)
    found = re.search(r"milliseconds ([\d.]+)", said.stdout)
    if not found:
        sys.exit(f"{program} ended with {said.returncode}: {said.stdout}{said.stderr}")
    return float(found[1])


def main():
    words = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    words.add_argument("build", type=pathlib.Path)
    words.add_argument("--chip", default="h100", choices=("a100", "h100"))
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--runs", type=int, default=50)
    given = words.parse_args()
    torch.backends.cudnn.benchmark = True
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    for task, make in (("infer", inference), ("train", training)):
        calls = {}
        for how in ("eager", "graph"):
            torch.cuda.empty_cache(), torch.cuda.reset_peak_memory_stats()
            calls[how] = make(how)
            milliseconds(calls[how], 10)
            most = torch.cuda.max_memory_allocated() / 2**20
            print(f"{task}, PyTorch {how}: {most:.0f} MiB at most, others' included", flush=True)
        times = {}
        for _ in range(given.rounds):
            times.setdefault("Oxbow", []).append(ours(given.build, task, given.chip, given.runs))
            for how, call in calls.items():
                times.setdefault(f"PyTorch {how}", []).append(milliseconds(call, given.runs))
        least = statistics.median(times["Oxbow"])
        for who, all_of in times.items():
            middle = statistics.median(all_of)
            print(f"{task}, {who}: {middle:.3f} ms ({min(all_of):.3f} to {max(all_of):.3f}), {middle / least:.2f}")
        calls.clear()


if __name__ == "__main__":
    main()
