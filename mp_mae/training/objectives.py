"""The objectives that a training can have, by name: their own settings, and where the class is.

Other packages add theirs by an entry point of the group GROUP whose name is that of the objective and
whose value is an `ObjectiveEntry`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mp_mae.config import SIZES, check_choice
from mp_mae.errors import UserError
from mp_mae.files.plug_ins import find_plug_ins, package_of
from mp_mae.model_config import MPMAEOptions

if TYPE_CHECKING:
    from torch import Tensor

    from mp_mae.objective import Objective
    from mp_mae.training.state import TrainingFacts

GROUP = "mp_mae.objectives"
"""Entry points by which packages add objectives."""

Export = Callable[["Mapping[str, Tensor]", "TrainingFacts", int, Path], str]
"""Given a model's tensors, what its training is, the steps done and a folder: writes to the folder what evaluation
loads, whole or not at all, and returns a line on it."""


@dataclass(frozen=True, kw_only=True)
class DataPreset:
    """Modalities and bands that go by one name (`--preset`)."""

    modalities: tuple[str, ...]
    bands: tuple[str, ...]
    """Sentinel-2 bands that are read."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """What is read in the place of a modality that the file does not have."""


def _export_encoder(state: "Mapping[str, Tensor]", facts: "TrainingFacts", step: int, folder: Path) -> str:
    from mp_mae.training.export import export_encoder  # noqa: PLC0415 - imports torch

    return export_encoder(state, facts, step, folder)


@dataclass(frozen=True, kw_only=True)
class ObjectiveEntry:
    """One objective, known without importing torch."""

    summary: str
    options: type[Any]
    """A frozen dataclass of the objective's own settings. Every field has a default and is annotated with one line of
    text; none is called like a field of `Settings`. They are compared when a training is resumed."""
    load: "Callable[[], type[Objective]]"
    """Imports the class, and torch with it."""
    sizes: tuple[str, ...] = tuple(SIZES)
    """What `size` may be. The first one is taken where the objective is chosen and the size is none of these."""
    presets: Mapping[str, DataPreset] = field(default_factory=dict)
    """Choices of data that only this objective has. Naming one chooses the objective."""
    export: Export = _export_encoder
    """Here: the tensors below the module `encoder`, which is an MP-MAE encoder."""
    backbone: str = "mp_mae"
    """Name of the backbone, in the harness, that loads what is exported."""
    backbones: Mapping[str, str] = field(default_factory=dict)
    """Names of others, by the preset that they stand for."""


def _load_mp_mae() -> "type[Objective]":
    from mp_mae.model import MPMAE  # noqa: PLC0415 - imports torch

    return MPMAE


OBJECTIVES: dict[str, ObjectiveEntry] = {
    "mp_mae": ObjectiveEntry(
        summary="predict every modality at the removed patches",
        options=MPMAEOptions,
        load=_load_mp_mae,
        backbones={"s2": "optical_mae", "rgb": "rgb_mae"},
    ),
}
"""Those of this package."""


def objective_names() -> tuple[str, ...]:
    """Names of all objectives: ours, then those of installed packages, none of which is loaded."""
    return (*OBJECTIVES, *sorted(find_plug_ins(GROUP).keys() - OBJECTIVES.keys()))


def find_objective(name: str) -> ObjectiveEntry:
    """The entry of an objective.

    Raises:
        UserError: no objective of that name (names the nearest and lists all), several of them, or its package cannot
            be loaded.
    """
    check_choice("objective", name, objective_names())
    points = find_plug_ins(GROUP).get(name, ())
    if len({point.value for point in points}) + (name in OBJECTIVES) > 1:
        owners = [package_of(point) for point in points] + ["mp_mae itself"] * (name in OBJECTIVES)
        raise UserError(f"objective {name}: wanted one, found those of {', '.join(owners)}. Uninstall all but one.")
    return OBJECTIVES[name] if name in OBJECTIVES else _load(points[0])


def objective_of_preset(preset: str) -> str | None:
    """Name of the installed objective that has this preset of its own. Raises UserError as `find_objective` does."""
    return next((name for name in objective_names() if preset in find_objective(name).presets), None)


def _load(point: EntryPoint) -> ObjectiveEntry:
    try:
        entry = point.load()
    except Exception as error:  # a plug-in's own, whatever it is: told in one line, with its cause
        raise UserError(
            f"objective {point.name}: {point.value} of {package_of(point)} cannot be loaded "
            f"({type(error).__name__}: {error}). Install what it needs, or uninstall it."
        ) from error
    if not isinstance(entry, ObjectiveEntry):
        raise UserError(
            f"objective {point.name}: {point.value} of {package_of(point)} is a {type(entry).__name__}; wanted an "
            "ObjectiveEntry. Correct its entry point."
        )
    return entry
