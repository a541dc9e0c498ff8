"""Time, memory and ceilings where the tensors live: the CPU, or a CUDA GPU by events of its own."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks._compare import MIB, Job, added_peak


class Time(NamedTuple):
    """Seconds on the clock, and of all processors together: what a busy machine leaves comparable."""

    wall: float
    processor: float


def chosen(name: str | None) -> torch.device:
    """The device of this name; by default the GPU where there is one. Raises ValueError for one that is not there."""
    device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"the benchmarks know how to time cpu and cuda, but not {device}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch sees no CUDA device here; use --device cpu")
    return device


def described(device: torch.device) -> str:
    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return f"{torch.cuda.get_device_name(device)}, float32 products: {torch.get_float32_matmul_precision()}"


def timed(job: Job, device: torch.device) -> Time:
    """One run. On a GPU nothing is pending before it, and everything it started has ended after it."""
    if device.type == "cpu":
        wall, processor = time.perf_counter(), time.process_time()
        job()
        return Time(time.perf_counter() - wall, time.process_time() - processor)
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize(device)
    processor = time.process_time()
    start.record(torch.cuda.current_stream(device))
    job()
    torch.cuda.synchronize(device)  # work on other streams too
    end.record(torch.cuda.current_stream(device))
    end.synchronize()
    return Time(start.elapsed_time(end) / 1e3, time.process_time() - processor)


def counted(time: Time, device: torch.device) -> float:
    """What is compared: of the clock, or with one thread of the processor, which others on the machine disturb less."""
    return time.processor if device.type == "cpu" and torch.get_num_threads() == 1 else time.wall


def peak(job: Job, device: torch.device) -> float:
    """MiB that the job needed at its worst moment beyond what was there before, in the device's own memory."""
    if device.type == "cpu":
        return added_peak(job)
    gc.collect()
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    job()
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / MIB


@dataclass(frozen=True)
class Ceilings:
    """What the device can do at best in a second, each measured alone: the best of several short runs."""

    device: torch.device
    matmul: float  # floating-point operations in a large square float32 product, as torch is set
    half: float  # the same in bfloat16
    functions: float  # exponentials or logarithms, float32
    read: float  # bytes
    copy: float  # bytes read and written

    @classmethod
    def of(cls, device: torch.device, *, smoke: bool = False) -> "Ceilings":
        gpu = device.type == "cuda"
        side = 512 if smoke else 8192 if gpu else 2048
        size = 2**22 if smoke else 2**28 if gpu else 2**26  # numbers: far more than any cache holds
        logs = size if gpu else 2**19  # a CPU takes them piece by piece, in its cache
        square = torch.randn(side, side, device=device)
        half, out = square.bfloat16(), torch.empty_like(square)
        half_out = torch.empty_like(half)
        long = torch.rand(size, device=device)
        other, some, some_out = torch.empty_like(long), long[:logs], torch.empty(logs, device=device)

        def rate(count: float, job: Callable[[], Tensor]) -> float:
            job()
            return count / min(counted(timed(job, device), device) for _ in range(3 if smoke else 9))

        return cls(
            device,
            matmul=rate(2 * side**3, lambda: torch.mm(square, square, out=out)),
            half=rate(2 * side**3, lambda: torch.mm(half, half, out=half_out)),
            functions=rate(logs, lambda: torch.log(some, out=some_out)),
            read=rate(4 * size, long.sum),
            copy=rate(8 * size, lambda: other.copy_(long)),
        )

    @property
    def memory(self) -> float:
        """Bytes, read or written."""
        return max(self.read, self.copy)

    def __str__(self) -> str:
        return (
            f"matmul float32 {self.matmul / 1e9:,.0f}, bfloat16 {self.half / 1e9:,.0f} GFLOP/s; "
            f"exp and log {self.functions / 1e9:,.2f} G/s; "
            f"memory: read {self.read / 1e9:,.1f}, copy {self.copy / 1e9:,.1f} GB/s"
        )


@dataclass(frozen=True)
class Work:
    """What a job must do at least: flops in matrix products, exponentials and logarithms, bytes to and from memory."""

    flops: float = 0
    functions: float = 0
    bytes: float = 0

    def seconds(self, ceilings: Ceilings) -> float:
        """A GPU has units of its own for each; the cores of a CPU do products and logarithms one after the other."""
        products, functions = self.flops / ceilings.matmul, self.functions / ceilings.functions
        computing = max(products, functions) if ceilings.device.type == "cuda" else products + functions
        return max(computing, self.bytes / ceilings.memory)

    def of_ceilings(self, seconds: float, ceilings: Ceilings) -> str:
        """What share of the device's ceilings a job reaches that does this work in this time."""
        shares = {
            "matmul": self.flops / ceilings.matmul,
            "bf16": self.flops / ceilings.half,
            "exp, log": self.functions / ceilings.functions,
            "memory": self.bytes / ceilings.memory,
        }
        return ", ".join(f"{name} {needed / seconds:.1%}" for name, needed in shares.items() if needed)

    def __str__(self) -> str:
        parts = {"GFLOP": self.flops, "G exp or log": self.functions, "GB": self.bytes}
        return ", ".join(f"{count / 1e9:.3g} {unit}" for unit, count in parts.items() if count)
