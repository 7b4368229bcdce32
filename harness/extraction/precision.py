"""How features are extracted: in full single precision everywhere, on a device that is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

PRECISION = "float32"


@contextmanager
def full_precision() -> Iterator[None]:
    """Products of single-precision numbers in single precision. A GPU would else round factors to 10 bits (TF32), which
    convolutions do unless told otherwise. For a CPU it changes nothing."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def describe_extraction(device: str) -> dict[str, Any]:
    """What extracts features here and now; stored beside them, for they may be used where something else would."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "precision": PRECISION,
        "torch": torch.__version__,
        "cuda": torch.version.cuda if on_gpu else None,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
    }
