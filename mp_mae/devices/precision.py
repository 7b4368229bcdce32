"""How exactly numbers are computed with: what a sum needs, and what a processor has."""

from pathlib import Path

import torch
from torch import Tensor

CPU_INFO = Path("/proc/cpuinfo")
"""Where Linux tells of the processor."""


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32, because sums over a batch need it; float32 and float64 stay."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def cpu_multiplies_bf16() -> bool:
    """Whether this processor has instructions for products in bf16, which take half the time of those in float32.

    Known of x86 under Linux alone.
    """
    flags = CPU_INFO.read_text() if CPU_INFO.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags
