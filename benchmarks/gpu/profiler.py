"""Counters of Nsight Compute as the reports that report.py reads."""
import csv
import io
import re

# What report.py needs, by the profiler's names on an A100 and an H100. ncu --query-metrics lists those of a chip.
METRICS = {
    "instructions": "sm__inst_executed.sum",
    "tensor": "sm__inst_executed_pipe_tensor.sum",
    "loads": "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum",
    "stores": "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum",
    "load bytes": "smsp__sass_data_bytes_mem_global_op_ld.sum",
    "copy bytes": "smsp__sass_data_bytes_mem_global_op_ldgsts.sum",  # cp.async, whose sectors are among the loads'
    "store bytes": "smsp__sass_data_bytes_mem_global_op_st.sum",
    "read": "dram__bytes_read.sum",
    "written": "dram__bytes_write.sum",
    "wavefronts": "l1tex__data_pipe_lsu_wavefronts_mem_shared.sum",
    "conflicts": "l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum",
    "registers": "launch__registers_per_thread",
    "spills": "launch__local_memory_per_thread" ,
    "shared": "launch__shared_mem_per_block",
    "time": "gpu__time_duration.sum",
}
OPERATIONS_OF_AN_MMA = 2 * 16 * 8 * 16  # m16n8k16, one instruction of a warp
UNITS = {"": 1, "byte": 1, "Kbyte": 1e3, "Mbyte": 1e6, "Gbyte": 1e9, "nsecond": 1e-3, "usecond": 1, "msecond": 1e3,
         "second": 1e6, "ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6}


def command(words):
    """The profiler's command line for a program. Caches stay warm and clocks free, as a program sees them."""
    return ["ncu", "--csv", "--kernel-name-base", "demangled", "--clock-control", "none", "--cache-control", "none",
            "--metrics", ",".join(METRICS.values()), *words]


def numbers(text):
    """(width, height, depth) of what the profiler prints as (128, 1, 1)."""
    return [int(n) for n in re.findall(r"\d+", text)] or [1]


def product(all_of):
    result = 1
    for n in all_of:
        result *= n
    return result


def kernels_of(text):
    """The profiler's comma-separated values → {"kernels": …} of report.py, with "microseconds" besides."""
    start = text.find('"ID"')
    rows = list(csv.DictReader(io.StringIO(text[start:]))) if start >= 0 else []
    launches = {}
    for row in rows:
        launch = launches.setdefault(row["ID"], {"name": row["Kernel Name"], "grid": numbers(row["Grid Size"]),
                                                 "block": numbers(row["Block Size"])})
        value = row["Metric Value"].replace(",", "")
        try:
            launch[row["Metric Name"]] = float(value) * UNITS.get(row["Metric Unit"].split("/")[0], 1)
        except ValueError:
            pass  # n/a
    kernels = {}
    for launch in launches.values():
        get = {word: launch.get(name, 0) for word, name in METRICS.items()}
        k = kernels.setdefault(launch["name"], {
            "name": launch["name"], "launches": 0, "blocks": 0, "block": launch["block"], "static_shared": 0,
            "dynamic_shared": get["shared"], "ptxas_registers": int(get["registers"]),
            "ptxas_spill_bytes": int(get["spills"]), "warp_instructions": {"all": 0}, "mma_flops": {"half": 0},
            "global_load": {"requested_bytes": 0, "sectors": 0, "unique_bytes": 0},
            "global_store": {"requested_bytes": 0, "sectors": 0, "unique_bytes": 0},
            "shared": {"wavefronts": 0, "conflict_wavefronts": 0}, "microseconds": 0})
        k["launches"] += 1
        k["blocks"] += product(launch["grid"])
        k["warp_instructions"]["all"] += get["instructions"]
        k["mma_flops"]["half"] += get["tensor"] * OPERATIONS_OF_AN_MMA
        for side, sectors, asked, crossed in (("global_load", "loads", "load bytes", "read"),
                                              ("global_store", "stores", "store bytes", "written")):
            k[side]["sectors"] += get[sectors]
            k[side]["requested_bytes"] += get[asked] + (get["copy bytes"] if side == "global_load" else 0)
            k[side]["unique_bytes"] += get[crossed]
        k["shared"]["wavefronts"] += get["wavefronts"]
        k["shared"]["conflict_wavefronts"] += get["conflicts"]
        k["microseconds"] += get["time"]
    return {"kernels": list(kernels.values())}
