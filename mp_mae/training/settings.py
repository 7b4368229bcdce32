"""What a training is told: one validated record, varied by values that are named by flat keys.

A key is a field of `Settings`, or one of the objective's own options (`ObjectiveEntry.options`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args, get_type_hints

from mp_mae.config import SIZES, check_choice, check_choices, check_lowest, check_size
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES, OPTICAL, PRESET_BANDS, PRESETS
from mp_mae.training.objectives import ObjectiveEntry, find_objective, objective_of_preset
from mp_mae.training.setting_values import AUTO, coerce, format_toml, read_word, split_assignment


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One training. The defaults are the settings of the paper. Raises UserError when a value makes no sense."""

    data: Annotated[str, "folder of an MMEarth dataset"]
    # what is learnt
    objective: Annotated[str, "what is minimised: mp_mae, or another that is listed below"] = "mp_mae"
    preset: Annotated[tuple[str, ...], "what is predicted: presets or modalities, by name"] = ("all",)
    bands: Annotated[tuple[str, ...] | None, "Sentinel-2 bands that are read; auto: the preset's"] = None
    allow_missing: Annotated[bool, "train on the rest if the file lacks a modality"] = False
    crop: Annotated[int | None, "side of the crop in pixels; auto: 56 of 64, 112 of 128"] = None
    turn: Annotated[bool, "turn and mirror crops at random"] = False
    # the model
    size: Annotated[str, f"of the encoder: {', '.join(SIZES)}"] = "atto"
    patch: Annotated[int | None, "side of a patch, 8 or 16 pixels; auto: 8 for 64 px tiles, 16 for 128 px"] = None
    options: Any = None
    """The objective's own settings, an `ObjectiveEntry.options`; None: their defaults."""
    # optimisation
    epochs: Annotated[int, "passes over the data"] = 200
    warmup_epochs: Annotated[int | None, "of these, with a rate that rises from 0; auto: a fifth"] = None
    batch: Annotated[int, "images of one optimizer step, over all processes; at most one pass over the data"] = 4096
    base_rate: Annotated[float, "learning rate at a batch of 256"] = 1.5e-4
    scale_rate: Annotated[bool, "the rate is proportional to the batch; false: base_rate whatever the batch"] = True
    weight_decay: Annotated[float, "of kernels and matrices"] = 0.05
    betas: Annotated[tuple[float, float], "of AdamW"] = (0.9, 0.95)
    clip_norm: Annotated[float, "largest norm of the gradient; 0: not clipped"] = 0.0
    precision: Annotated[Literal["auto", "float32", "bf16"], "auto: bf16 where that is faster, on GPUs and CPUs"] = (
        "auto"
    )
    seed: Annotated[int, "of weights, order, crops and masks"] = 0
    # the machine; any of these may change when a training is resumed
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], "auto (cuda if there is one, else cpu), cpu, cuda or mps"
    ] = "auto"
    micro_batch: Annotated[int | None, "images that go through the model at once; auto: what fits"] = None
    compile: Annotated[bool, "torch.compile: minutes before the first step, for long trainings alone"] = False
    workers: Annotated[int, "reading threads of each process"] = 2
    # the records
    save_every: Annotated[int, "optimizer steps between checkpoints"] = 200
    save_minutes: Annotated[float, "minutes between checkpoints, where steps are slow"] = 15.0
    keep: Annotated[int, "newest checkpoints that stay"] = 3
    keep_every: Annotated[int | None, "steps whose multiples are saved and stay, too; auto: none"] = None
    skip_batches: Annotated[int, "batches whose loss is not finite that may be left out"] = 0
    log_every: Annotated[int, "optimizer steps between lines of the log"] = 1
    validate_every: Annotated[int, "optimizer steps between looks at the held-out tiles and at the probe"] = 200
    probe: Annotated[str | None, "labelled images, as `data import` writes class folders; auto: none"] = None
    tracker: Annotated[Literal["none", "tensorboard", "wandb"], "where else the log goes"] = "none"

    def __post_init__(self) -> None:
        self._check_options()
        check_size(self.size, self.entry.sizes)
        check_choices(self)
        check_lowest(self, _LOWEST)
        for name in self.preset:
            check_choice("preset", name, (*PRESETS, *MODALITIES, *self.entry.presets))
        if not self.preset:
            raise UserError(f"preset names nothing to predict; pass one of {', '.join(PRESETS)}.")
        self._check_bands()
        if not 0 < self.base_rate < math.inf:
            raise UserError(f"base_rate is {self.base_rate}; pass a number above 0.")
        if self.weight_decay == math.inf:
            raise UserError(f"weight_decay is {self.weight_decay}; pass a number, such as 0.05.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas is {self.betas[0]:g},{self.betas[1]:g}; pass two numbers from 0 to below 1.")
        if self.seed > _LARGEST_SEED:
            raise UserError(f"seed is {self.seed}; pass at most {_LARGEST_SEED}.")
        if self.warmup_epochs is not None and self.warmup_epochs > self.epochs:
            raise UserError(
                f"warmup_epochs is {self.warmup_epochs}, more than the {self.epochs} epochs. "
                f"Pass warmup_epochs={AUTO} for a fifth, or more epochs."
            )

    def _check_options(self) -> None:
        """Fills in the options; raises UserError when there is no such objective or they are those of another."""
        wanted = self.entry.options
        if self.options is None:
            object.__setattr__(self, "options", wanted())
        if type(self.options) is not wanted:
            found = type(self.options).__name__
            raise UserError(f"objective is {self.objective}, options are {found}; pass {wanted.__name__}.")

    def _check_bands(self) -> None:
        """Raises UserError when presets want different bands of Sentinel-2 and nothing says which are read."""
        wanted = {name: self._bands_of(name) for name in self.preset if OPTICAL in self._modalities_of(name)}
        if self.bands is None and len(set(wanted.values())) > 1:
            told = "; ".join(
                f"{name} reads {', '.join(bands) if bands else 'every band'}" for name, bands in wanted.items()
            )
            raise UserError(
                f"preset {','.join(self.preset)} wants different bands of Sentinel-2: {told}. "
                "Name one of them, or choose the bands: --set bands=B2,B3,B4."
            )

    def _modalities_of(self, name: str) -> tuple[str, ...]:
        """Modalities of a preset, or of that name."""
        own = self.entry.presets.get(name)
        return own.modalities if own else PRESETS.get(name, (name,))

    def _bands_of(self, name: str) -> tuple[str, ...] | None:
        """Bands that a preset reads; None: every one."""
        own = self.entry.presets.get(name)
        return own.bands if own else PRESET_BANDS.get(name)

    @property
    def entry(self) -> ObjectiveEntry:
        return find_objective(self.objective)

    @property
    def backbone(self) -> str:
        """Name of the backbone, in the harness, that loads what this training exports."""
        return self.entry.backbones.get(",".join(self.preset), self.entry.backbone)

    def modality_names(self) -> tuple[str, ...]:
        """What is learnt from, presets written out."""
        return tuple(dict.fromkeys(name for chosen in self.preset for name in self._modalities_of(chosen)))

    def input_bands(self, every_band: tuple[str, ...]) -> tuple[str, ...]:
        """Sentinel-2 bands that are read."""
        of_presets = [bands for name in self.preset if (bands := self._bands_of(name))]
        return self.bands or (of_presets[0] if of_presets else every_band)

    def substitutes(self) -> dict[str, str]:
        """What is read in the place of a modality that the file lacks, as the presets say."""
        chosen = [self.entry.presets[name] for name in self.preset if name in self.entry.presets]
        return {name: other for preset in chosen for name, other in preset.instead.items()}


_LOWEST = {
    "crop": 1, "epochs": 1, "warmup_epochs": 0, "batch": 1, "weight_decay": 0, "clip_norm": 0, "seed": 0,
    "micro_batch": 1, "workers": 1, "save_every": 1, "save_minutes": 0, "keep": 1, "keep_every": 1, "log_every": 1,
    "validate_every": 1, "skip_batches": 0,
}  # fmt: skip

_LARGEST_SEED = 2**63 - 1
"""That torch's generators take."""

MAY_CHANGE = frozenset(
    (
        "data",
        "device",
        "micro_batch",
        "compile",
        "workers",
        "save_every",
        "save_minutes",
        "keep",
        "keep_every",
        "skip_batches",
        "log_every",
        "validate_every",
        "probe",
        "tracker",
    )
)
"""Settings that a resumed training may change: where things are and how fast they go. Another micro-batch or device
changes results by rounding. Where it decides what is learnt (`Objective.depends_on_micro_batch`), the size of the
micro-batch that was used has to stay."""

MAY_DIFFER = frozenset(("data", "device", "workers"))
"""Settings that processes of one training may have otherwise than the others: where things are on their machine."""


def setting_kinds(objective: str) -> dict[str, Any]:
    """Declared type of every key, annotated with one line on it, in the order shown. Raises UserError if unknown."""
    own = get_type_hints(find_objective(objective).options, include_extras=True)
    kinds: dict[str, Any] = {}
    for key, kind in get_type_hints(Settings, include_extras=True).items():
        kinds |= own if key == "options" else {key: kind}
    return kinds


def setting_docs(objective: str) -> dict[str, str]:
    """One line on every setting, by key."""
    return {key: kind.__metadata__[0] for key, kind in setting_kinds(objective).items()}


def as_fields(settings: Settings) -> dict[str, Any]:
    """Values by key, as they are."""
    own = {f.name: getattr(settings.options, f.name) for f in fields(settings.options)}
    values: dict[str, Any] = {}
    for f in fields(settings):
        values |= own if f.name == "options" else {f.name: getattr(settings, f.name)}
    return values


def vary(settings: Settings, changes: Mapping[str, Any], where: str) -> Settings:
    """The settings with some values replaced; `where` they come from is named in errors.

    A preset that only one objective has chooses that objective. Where the objective is replaced, its own options start
    from their defaults, and so does the size if it has none of that name.

    Raises:
        UserError: an unknown key (with the nearest known one), a value of another type, or one that makes no sense.
    """
    try:
        objective = _choose_objective(settings, changes)
        entry = find_objective(objective)
        kinds = {key: get_args(kind)[0] for key, kind in setting_kinds(objective).items()}
        values = {key: coerce(key, value, kinds) for key, value in changes.items()}
        own = {f.name: values.pop(f.name) for f in fields(entry.options) if f.name in values}
        before = settings.options if objective == settings.objective else entry.options()
        if settings.size not in entry.sizes:
            values = {"size": entry.sizes[0], **values}
        return replace(settings, **{**values, "objective": objective}, options=replace(before, **own))
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _choose_objective(settings: Settings, changes: Mapping[str, Any]) -> str:
    """The objective that is named, else the one that a named preset belongs to, else that of the settings."""
    if "objective" in changes:
        return str(coerce("objective", changes["objective"], {"objective": str}))
    presets = coerce("preset", changes.get("preset", ()), {"preset": tuple[str, ...]})
    owners = (objective_of_preset(name) for name in presets if name not in (*PRESETS, *MODALITIES))
    return next((owner for owner in owners if owner), settings.objective)


def parse_assignment(text: str) -> tuple[str, Any]:
    """`key=value` of the command line. Raises UserError when it is something else."""
    key, value = split_assignment(text)
    is_text = key in _TEXT_KEYS  # a folder may be called 2024
    return key, value if is_text else read_word(value)


def to_toml(settings: Settings) -> str:
    """A TOML file that gives the same settings again."""
    return format_toml(as_fields(settings))


_TEXT_KEYS = frozenset(key for key, kind in get_type_hints(Settings).items() if kind in (str, str | None))
