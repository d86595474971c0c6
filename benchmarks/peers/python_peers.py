"""The peers that have Python packages. peers.py runs this file, one process per measurement; it is not for hand use.

Each peer is a function that returns what one call measures: a step that gives the logits, or the loss.
"""
import json
import pathlib
import sys
import time

import numpy as np

here = pathlib.Path(__file__).resolve().parent


def description(folder):
    return json.loads(pathlib.Path(folder, "tensors.json").read_text())


def array(folder, name, kind):
    return np.fromfile(pathlib.Path(folder, name), dtype=kind)


def tile_of(folder, size):
    return array(folder, "tile.bin", np.float32).reshape(1, 1, size, size)


def torch_network(folder, arguments):
    """The twin of the Oxbow type, with its weights; as plain as a user would write it."""
    import torch

    import plain

    with torch.device("meta"):  # no initial values that the file overwrites at once
        net = plain.PlainUNet(**arguments)
    weights = array(folder, "weights.bin", np.float32)
    state = {}
    for t in description(folder)["tensors"]:
        count = int(np.prod(t["shape"]))
        state[t["name"]] = torch.from_numpy(weights[t["offset"]:t["offset"] + count].reshape(t["shape"]))
    net.load_state_dict(state, assign=True)
    return net


def torch_peer(task, folder, arguments, size, threads, compiled):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    if compiled and task == "infer":
        import torch._inductor.config
        torch._inductor.config.freezing = True  # weights are constants: packed once
    net = torch_network(folder, arguments).to(memory_format=torch.channels_last)
    x = torch.from_numpy(tile_of(folder, size)).to(memory_format=torch.channels_last)
    if task == "infer":
        net.eval()
        run = torch.compile(net) if compiled else net

        def step():
            with torch.inference_mode() if not compiled else torch.no_grad():
                return run(x)
        return step, torch.__version__
    height, width, _ = description(folder)["output"]
    labels = torch.from_numpy(array(folder, "labels.bin", np.uint8).astype(np.int64)).reshape(1, height, width)
    net.train()
    for p in net.parameters():
        p.requires_grad_()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=.99, fused=True)
    run = torch.compile(net) if compiled else net

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(run(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step, torch.__version__


def onnxruntime_peer(folder, size, threads):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(f"{folder}/network.onnx", settings, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: tile_of(folder, size)}
    return lambda: session.run(None, feed)[0], onnxruntime.__version__


def openvino_peer(folder, size, threads):
    import openvino

    # f32: else a CPU with bfloat16 instructions computes with eight bits.
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(f"{folder}/network.onnx", "CPU", settings).create_infer_request()
    x = tile_of(folder, size)
    return lambda: request.infer({0: x}, share_inputs=True, share_outputs=True)[0], openvino.__version__


def export(folder, arguments, size):
    """network.onnx, and the weights in the order in which the forward pass meets them: weight, bias, weight, …"""
    import torch

    net = torch_network(folder, arguments).eval()
    order = []
    for module in net.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            module.register_forward_pre_hook(lambda m, _: order.extend([m.weight.detach(), m.bias.detach()]))
    x = torch.from_numpy(tile_of(folder, size))
    with torch.inference_mode():
        logits = net(x)
    with open(f"{folder}/ordered.bin", "wb") as file:
        for t in order:
            file.write(t.contiguous().numpy().tobytes())
    logits.permute(0, 2, 3, 1).contiguous().numpy().tofile(f"{folder}/torch.bin")
    net = torch_network(folder, arguments).eval()
    torch.onnx.export(net, (x,), f"{folder}/network.onnx", dynamo=True, verbose=False)


def main():
    o = json.loads(sys.argv[1])
    folder, task, size, threads = o["folder"], o["task"], o["tile"], o["threads"]
    if task == "export":
        return export(folder, o["arguments"], size)
    if o["peer"].startswith("pytorch"):
        step, version = torch_peer(task, folder, o["arguments"], size, threads, o["peer"] == "pytorch_compiled")
    else:
        step, version = {"onnxruntime": onnxruntime_peer, "openvino": openvino_peer}[o["peer"]](folder, size, threads)
    result = step()
    first = time.monotonic()
    seconds = []
    for _ in range(o["runs"]):
        begin = time.monotonic()
        result_again = step()
        seconds.append(time.monotonic() - begin)
    if o.get("logits"):
        np.moveaxis(np.asarray(result_again), 1, -1).astype(np.float32).tofile(o["logits"])
    loss = result if task == "train" else 0
    print(json.dumps({"first": first, "loss": loss, "version": version, "seconds": seconds}))


if __name__ == "__main__":
    main()
