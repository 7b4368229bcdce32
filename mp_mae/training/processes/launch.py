"""How a training meets the machine: device, processes and precision, as Accelerate and its launchers give them."""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin

from mp_mae.devices.precision import cpu_multiplies_bf16
from mp_mae.errors import AgreedError, UserError
from mp_mae.objective import Objective
from mp_mae.training.processes.agree import smallest
from mp_mae.training.settings import Settings, as_fields

_ENGINES = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism_config",
}
"""What Accelerate's launcher says that its configuration asks for, and that divides a model over processes."""
_PACKAGES = ("mp-mae-bench", "torch", "timm", "accelerate", "numpy", "h5py")


def start_processes(settings: Settings) -> PartialState:
    """The process group, and this process's device.

    Raises:
        UserError: Accelerate's configuration asks for what this training does not do, there is no GPU of those that
            are asked for, or the tracker is not installed.
    """
    check_launch(os.environ)
    if settings.tracker != "none" and not find_spec(settings.tracker):
        raise UserError(f"tracker={settings.tracker}: it is not installed. Run: pip install {settings.tracker}")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"device=cuda: PyTorch {torch.__version__} finds no GPU here. Pass --device cpu, or install a build of "
            "PyTorch and a driver that go together."
        )
    if settings.device == "mps" and not torch.backends.mps.is_available():
        raise UserError(
            f"device=mps: PyTorch {torch.__version__} finds no GPU of Apple here. Pass --device cpu, or auto for a GPU "
            "of NVIDIA if there is one."
        )
    return PartialState(cpu=not _on_gpu(settings) and settings.device != "mps")


def check_launch(environment: Mapping[str, str]) -> None:
    """Raises AgreedError where Accelerate's launcher was configured for what would change the training, or not work."""
    for key, engine in _ENGINES.items():
        if environment.get(key, "false").lower() in ("true", "1"):
            raise AgreedError(
                f"Accelerate's configuration asks for {engine}; these models fit on one device, and only data are "
                "divided over processes. Launch with: accelerate launch --multi-gpu -m mp_mae pretrain ..."
            )
    if environment.get("ACCELERATE_DYNAMO_BACKEND", "no").lower() != "no":
        raise AgreedError(
            "Accelerate's configuration asks for torch.compile (dynamo_backend), which a training is told by its own "
            "setting. Launch with --dynamo-backend no, and pass --set compile=true."
        )


def choose_precision(settings: Settings, objective: type[Objective], stored: str | None) -> str:
    """float32 or bf16, the same in every process: what was asked for, else that of the training that is resumed, else
    bf16 where every process has a GPU that computes with it, or a CPU that does and an objective that bears it."""
    if settings.precision != "auto":
        return settings.precision
    if stored:
        return stored
    if _on_gpu(settings):  # older ones emulate bf16, slower than float32
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        bf16 = objective.bf16_on_cpu and cpu_multiplies_bf16()
    return "bf16" if smallest(bf16) else "float32"


def build_accelerator(settings: Settings, out: Path, precision: str) -> Accelerator:
    """What runs the model: of this precision, on this process's device.

    Raises:
        UserError: this Python process has trained on another device before.
    """
    AcceleratorState._reset_state()  # of a training before in this Python process, which may have had another precision
    try:
        return Accelerator(
            mixed_precision={"bf16": "bf16", "float32": "no"}[precision],
            cpu=not _on_gpu(settings),
            # The loop accumulates by itself; Accelerate would divide gradients once more by what its environment says.
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            log_with=None if settings.tracker == "none" else settings.tracker,
            project_dir=out,
        )
    except ValueError as error:
        raise UserError(
            f"device={settings.device}: this Python process has trained on another, which Accelerate keeps. Start a "
            f"new one. ({error})"
        ) from error


def start_trackers(accelerator: Accelerator, settings: Settings) -> None:
    """Begin the record of a training elsewhere, if one is asked for."""
    if settings.tracker != "none":
        accelerator.init_trackers("mp_mae", config={key: str(value) for key, value in as_fields(settings).items()})


def package_versions() -> dict[str, str]:
    """Versions of the packages that a training's numbers come from, by name; what is no package is left out."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # this project, where it runs from a checkout
            continue
    return found


def widest_float(device: torch.device) -> torch.dtype:
    """In which numbers are summed up where the model does not: float64, or float32 on MPS, which has no wider one."""
    return torch.float32 if device.type == "mps" else torch.float64


def _on_gpu(settings: Settings) -> bool:
    return settings.device in ("auto", "cuda") and torch.cuda.is_available()
