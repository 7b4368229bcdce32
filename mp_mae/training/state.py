"""Training checkpoints: everything that decides how a training goes on, in a folder that is complete or not there.

A folder `step-00000120` holds `model.safetensors`, `optimizer.safetensors` and `state.json`. Nothing else needs saving:
order, crops, masks and learning rate follow from the seed and the step.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.files.listing import paths_in
from mp_mae.files.replace_folder import replacing
from mp_mae.files.weights_file import load_safetensors
from mp_mae.objective import ModelRequest, Objective
from mp_mae.training.objectives import find_objective

STATE_VERSION = 1
MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
STATE_FILE = "state.json"
ADDED_SINCE = {"objective": "mp_mae", "scale_rate": True}
"""Settings that a checkpoint does not tell which was written when there was no choice, and what they were."""
CHANGEABLE = ("base_rate", "clip_norm")
"""Settings that decide the outcome and may still be changed when a training is resumed, because a training that
diverges is helped by nothing else. Changes are kept (`TrainingFacts.changes`)."""
_COMPARED = ("settings", "dataset", "model", "schedule", "normalisation")


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """What a training is, as JSON values: compared when it is resumed."""

    settings: Mapping[str, Any]
    """Settings that decide its outcome, by key."""
    dataset: Mapping[str, Any]
    """What identifies the data."""
    model: Mapping[str, Any]
    """What it was built for, and the objective's options."""
    schedule: Mapping[str, Any]
    """Effective batch and number of steps."""
    normalisation: Mapping[str, Any]
    """Band statistics that standardise the input."""
    changes: Sequence[Mapping[str, Any]] = ()
    """Settings that were changed on the way (`step`, `key`, `before`, `now`), in the order of the steps."""
    left_out: Sequence[int] = ()
    """Steps whose batch was left out because its loss was not finite, counted from 1."""

    @property
    def request(self) -> ModelRequest:
        """What the model was built for."""
        stored = self.model["encoder"]
        return ModelRequest(
            size=stored["size"],
            patch=stored["patch"],
            bands=tuple(stored["bands"]),
            modalities=tuple(self.model["modalities"]),
        )


@dataclass(frozen=True, kw_only=True)
class History:
    """How a training came to where it is, as JSON values: what a checkpoint tells beside what is compared."""

    processes: int | None = None
    """That worked on it last, and below what they had; None and nothing in a checkpoint from before this was told."""
    micro_batch: int | None = None
    device: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    """Versions by name."""


@dataclass(frozen=True, kw_only=True)
class SavedState:
    """A checkpoint on disk; its tensors are still to be read."""

    folder: Path
    step: int
    """Optimizer steps done."""
    facts: TrainingFacts
    history: History

    @property
    def precision(self) -> str | None:
        """float32 or bf16; None in a checkpoint from before this was told."""
        stored = self.facts.settings["precision"]
        return None if stored == "auto" else str(stored)

    def model_tensors(self) -> dict[str, Tensor]:
        return _load(self.folder / MODEL_FILE)

    def build_model(self) -> Objective:
        """The model as it was saved, on the CPU in training mode. Raises UserError when its objective is not known."""
        entry = find_objective(self.facts.settings["objective"])
        stored = {f.name: self.facts.model[f.name] for f in fields(entry.options)}
        options = entry.options(**{key: tuple(v) if isinstance(v, list) else v for key, v in stored.items()})
        with torch.device("meta"):
            model = entry.load().build(options, self.facts.request)
        model.to_empty(device="cpu")
        restore_model(model, self)
        return model


def save_state(
    root: Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    facts: TrainingFacts,
    history: History,
) -> Path:
    """Write the checkpoint of `step` below `root`; it appears complete under its name or not at all.

    Raises:
        UserError: it cannot be written.
    """
    folder = _folder(root, step)
    described = {"format_version": STATE_VERSION, "step": step, **asdict(facts), "history": asdict(history)}
    try:
        with replacing(folder) as partial:
            save_file(_on_cpu(model.state_dict()), partial / MODEL_FILE)
            save_file(_on_cpu(_optimizer_tensors(model, optimizer)), partial / OPTIMIZER_FILE)
            (partial / STATE_FILE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder}: cannot write the checkpoint ({error}). Free some space, then resume.") from error
    return folder


def keep_newest(root: Path, keep: int, every: int | None) -> None:
    """Delete all but the newest `keep` checkpoints and those of every so many steps, and what a killed process left
    half written."""
    for folder in step_folders(root)[:-keep]:
        if not every or int(folder.name.removeprefix("step-")) % every:
            shutil.rmtree(folder)
    for partial in root.glob(".step-*.partial"):
        shutil.rmtree(partial)


def newest_state(root: Path) -> SavedState | None:
    """The newest checkpoint below `root`, or None. Raises UserError when it cannot be read."""
    folders = step_folders(root)
    return read_state(folders[-1]) if folders else None


def state_of_step(root: Path, step: int) -> SavedState | None:
    """The checkpoint of a step below `root`, or None. Raises UserError when it cannot be read."""
    folder = _folder(root, step)
    return read_state(folder) if folder.is_dir() else None


def read_state(folder: Path) -> SavedState:
    """A checkpoint by its folder. Raises UserError when it cannot be read."""
    path = folder / STATE_FILE
    described = read_json(path, f"Pass the folder of a training, or delete {folder} to use an older checkpoint.")
    try:
        if described["format_version"] != STATE_VERSION:
            raise UserError(
                f"{path}: wanted format_version {STATE_VERSION}, found {described['format_version']}. "
                "Update this package."
            )
        stored = {name: described[name] for name in _COMPARED} | {
            name: described.get(name, ()) for name in ("changes", "left_out")
        }
        facts = TrainingFacts(**{**stored, "settings": {**ADDED_SINCE, **stored["settings"]}})
        history = History(**described.get("history", {}))
        _check_used(facts, history)
        return SavedState(folder=folder, step=int(described["step"]), facts=facts, history=history)
    except (ValueError, OverflowError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: damaged ({type(error).__name__}: {error}). Delete {folder} to use an older one."
        ) from error


def _check_used(facts: TrainingFacts, history: History) -> None:
    """Raises KeyError or TypeError where what a resumed training reads is not there, or not of its type."""
    numbers = [facts.schedule["effective_batch"], facts.settings["batch"], *facts.left_out]
    if history.micro_batch is not None:
        numbers.append(history.micro_batch)
    rates = [facts.schedule["peak_rate"], *(facts.settings[key] for key in CHANGEABLE)]
    lists = (facts.changes, facts.left_out)
    fine = (
        all(type(number) is int and number > 0 for number in numbers)
        and all(type(rate) in (int, float) for rate in rates)
        and all(isinstance(value, list | tuple) for value in lists)
        and isinstance(facts.settings["precision"], str)
        and isinstance(history.packages, dict)
    )
    if not fine:
        raise TypeError("a batch, a rate, the precision or what happened on the way is not of its type")


def check_same_training(saved: SavedState, wanted: TrainingFacts) -> None:
    """Raises UserError that names every key in which a checkpoint and the training that wants to resume it differ."""
    before, now = compared_facts(saved.facts), compared_facts(wanted)
    if saved.precision is None:
        before["settings"]["precision"] = now["settings"]["precision"]
    if "micro_batch" not in before["schedule"]:  # it was not told everywhere where it matters
        now["schedule"].pop("micro_batch", None)
    for key in CHANGEABLE:
        now["settings"][key] = before["settings"][key]
    now["schedule"]["peak_rate"] = before["schedule"]["peak_rate"]  # which follows from the settings
    if differing := describe_differences(before, now, now="now"):
        raise UserError(
            f"{saved.folder}: belongs to a training that differs in {', '.join(differing)}. "
            "Resume with the same settings and data, or choose another --out."
        )


def with_history(saved: SavedState, wanted: TrainingFacts) -> TrainingFacts:
    """The facts of a training that goes on from a checkpoint: what happened before, and what is changed now."""
    changed = [
        {"step": saved.step, "key": key, "before": before, "now": now}
        for key in CHANGEABLE
        if (before := saved.facts.settings[key]) != (now := wanted.settings[key])
    ]
    return replace(wanted, changes=[*saved.facts.changes, *changed], left_out=list(saved.facts.left_out))


def compared_facts(facts: TrainingFacts) -> dict[str, dict[str, Any]]:
    """What two trainings that are the same have alike, as JSON values by group and key."""
    described = json.loads(json.dumps(asdict(facts)))
    return {part: described[part] for part in ("settings", "dataset", "normalisation", "schedule")}


def describe_differences(
    one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]], *, now: str
) -> list[str]:
    """`key (value, NOW value)` of every key whose values differ, of JSON values by group and key."""
    return [
        f"{key} ({_short(one[part].get(key))}, {now} {_short(other[part].get(key))})"
        for part in one
        for key in sorted(one[part].keys() | other[part].keys())
        if one[part].get(key) != other[part].get(key)
    ]


def restore_model(model: nn.Module, saved: SavedState) -> None:
    """Load the checkpoint's weights. Raises UserError when they are not exactly the model's."""
    tensors = saved.model_tensors()
    _check_shapes(saved.folder / MODEL_FILE, tensors, {name: t.shape for name, t in model.state_dict().items()})
    model.load_state_dict(tensors)


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, saved: SavedState) -> None:
    """Load the moments of every parameter that has some. Raises UserError when they are not the model's."""
    path = saved.folder / OPTIMIZER_FILE
    tensors = _load(path)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters() if parameter.requires_grad}
    wanted = {f"{name}.{moment}": shape for name, shape in shapes.items() for moment in ("exp_avg", "exp_avg_sq")}
    wanted |= {f"{name}.step": torch.Size() for name in shapes}
    _check_shapes(path, tensors, wanted)
    state = {
        index: {moment: tensors[f"{name}.{moment}"] for moment in ("exp_avg", "exp_avg_sq", "step")}
        for index, name in enumerate(_parameter_names(model, optimizer))
    }
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    names = _parameter_names(model, optimizer)
    return {f"{names[index]}.{moment}": tensor for index, of in state.items() for moment, tensor in of.items()}


def _parameter_names(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Names of the optimizer's parameters, in its own order."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def _check_shapes(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, torch.Size]) -> None:
    wrong = sorted(
        name for name in found.keys() | wanted.keys() if name not in found or found[name].shape != wanted.get(name)
    )
    if wrong:
        listed = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise UserError(f"{path}: does not fit the model in {listed}. Use the checkpoint of a training of this size.")


def _load(path: Path) -> dict[str, Tensor]:
    return load_safetensors(path, f"Delete {path.parent} to use an older checkpoint.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies, each with memory of its own: safetensors refuses a tensor that a model has under two names."""
    return {name: torch.empty(t.shape, dtype=t.dtype).copy_(t.detach()) for name, t in tensors.items()}


def _folder(root: Path, step: int) -> Path:
    return root / f"step-{step:08d}"


def step_folders(root: Path) -> list[Path]:
    """The folders of the checkpoints below `root`, by their steps. Raises UserError when they cannot be listed."""
    return [path for path in paths_in(root, "step-*") if path.is_dir()] if root.exists() else []
