"""What software made a result. Nothing that names the machine or the person."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from baselines.registry import find_backbone
from harness.records.job import Job

PACKAGES = (
    "mp-mae-bench", "torch", "timm", "accelerate", "numpy", "scipy", "scikit-learn", "optuna", "h5py", "duckdb"
)  # fmt: skip


def collect_provenance(device: str) -> dict[str, Any]:
    """What a run on a torch device was made with, as far as its digits may depend on it.

    Package versions, Python version, processor architecture, threads of PyTorch, model and CUDA version of the GPU if
    one was used, and the git commit if this runs from a checkout.
    """
    return {**_software(), "threads": torch.get_num_threads(), **_accelerator(torch.device(device))}


def describe_choices(job: Job) -> dict[str, Any]:
    """What asks for a run again beside its configuration: the file of weights, without its folder; the backbone that it
    is a named checkpoint of; the settings that somebody set."""
    checkpoint_of = find_backbone(job.backbone).checkpoint_of
    return {
        "weights_file": job.weights.name if job.weights else None,
        **({"checkpoint_of": checkpoint_of} if checkpoint_of else {}),
        **({"settings_set": dict(job.changes)} if job.changes else {}),
    }


@cache
def _software() -> dict[str, Any]:
    return {
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **_git_state(Path(__file__).resolve().parent.parent),
    }


def _accelerator(device: torch.device) -> dict[str, Any]:
    """Both None of a run on the processor."""
    on_gpu = device.type == "cuda"
    return {
        "gpu": torch.cuda.get_device_name(device) if on_gpu else None,
        "cuda": torch.version.cuda if on_gpu else None,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return None


def _git_state(directory: Path) -> dict[str, Any]:
    """The commit of the checkout this code lies in; both None when it was installed as a package."""
    if not (directory / ".git").exists():
        return {"git_commit": None, "git_dirty": None}
    try:
        commit = _git(directory, "rev-parse", "HEAD").strip()
        return {"git_commit": commit, "git_dirty": bool(_git(directory, "status", "--porcelain").strip())}
    except (OSError, subprocess.SubprocessError):  # no git on this machine, or no commit yet
        return {"git_commit": None, "git_dirty": None}


def _git(directory: Path, *arguments: str) -> str:
    finished = subprocess.run(
        ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return finished.stdout
