"""What a training is told: one flat, validated record; recipes that fill it; TOML and `key=value` that vary it."""

import json
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from mp_mae.config import check_size
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES, PRESET_BANDS, PRESETS
from mp_mae.model import DecoderSharing, Weighting
from mp_mae.packed.encoder import GrnPool, Holes
from mp_mae.published_losses import LOSS_RULES

AUTO = "auto"
"""How None is written in TOML and on the command line: chosen from the data or the machine."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One training. The defaults are the settings of the paper. Raises UserError when a value makes no sense."""

    data: Annotated[str, "folder of an MMEarth dataset"]
    # what is learnt
    preset: Annotated[tuple[str, ...], "what is predicted: presets or modalities, by name"] = ("all",)
    bands: Annotated[tuple[str, ...] | None, "Sentinel-2 bands that are read; auto: the preset's"] = None
    allow_missing: Annotated[bool, "train on the rest if the file lacks a modality"] = False
    crop: Annotated[int | None, "side of the crop in pixels; auto: 56 of 64, 112 of 128"] = None
    turn: Annotated[bool, "turn and mirror crops at random"] = False
    # the model
    size: Annotated[str, "of the encoder: atto, femto, pico, nano, tiny, base, large, huge, demo"] = "atto"
    patch: Annotated[int | None, "side of a patch, 8 or 16 pixels; auto: 8 for 64 px tiles, 16 for 128 px"] = None
    mask_ratio: Annotated[float, "share of patches that are removed"] = 0.6
    decoder: Annotated[DecoderSharing, "shared: one decoder; per_task: one for each modality"] = "shared"
    decoder_width: Annotated[int, "channels of the decoder"] = 512
    decoder_depth: Annotated[int, "blocks of the decoder"] = 1
    weighting: Annotated[Weighting, "of the tasks: uncertainty (learnt) or sum"] = "uncertainty"
    normalise_optical: Annotated[bool, "standardise optical targets patch by patch"] = True
    grn: Annotated[GrnPool, "response normalisation pools over: sample, or batch as published code did"] = "sample"
    holes: Annotated[Holes, "visible all-zero pixels are sites, or absent as in published code"] = "sites"
    losses: Annotated[str, "rules for missing data: valid_pixels, valid_patches, published"] = "valid_pixels"
    # optimisation
    epochs: Annotated[int, "passes over the data"] = 200
    warmup_epochs: Annotated[int | None, "of these, with a rate that rises from 0; auto: a fifth"] = None
    batch: Annotated[int, "images of one optimizer step, over all processes; at most one pass over the data"] = 4096
    base_rate: Annotated[float, "learning rate at a batch of 256; scales with the batch"] = 1.5e-4
    weight_decay: Annotated[float, "of kernels and matrices"] = 0.05
    betas: Annotated[tuple[float, float], "of AdamW"] = (0.9, 0.95)
    clip_norm: Annotated[float, "largest norm of the gradient; 0: not clipped"] = 0.0
    precision: Annotated[Literal["auto", "float32", "bf16"], "auto: bf16 on a GPU, float32 elsewhere"] = "auto"
    seed: Annotated[int, "of weights, order, crops and masks"] = 0
    # the machine; any of these may change when a training is resumed
    device: Annotated[str, "auto (a GPU if there is one) or cpu"] = "auto"
    micro_batch: Annotated[int | None, "images that go through the model at once; auto: what fits"] = None
    compile: Annotated[bool, "torch.compile: minutes before the first step, for long trainings alone"] = False
    workers: Annotated[int, "reading threads of each process"] = 2
    # the records
    save_every: Annotated[int, "optimizer steps between checkpoints"] = 200
    keep: Annotated[int, "checkpoints that stay"] = 3
    log_every: Annotated[int, "optimizer steps between lines of the log"] = 1
    tracker: Annotated[Literal["none", "tensorboard", "wandb"], "where else the log goes"] = "none"

    def __post_init__(self) -> None:
        check_size(self.size)
        for name, low in _LOWEST.items():
            value = getattr(self, name)
            if value is not None and not value >= low:
                raise UserError(f"{name} is {value}; pass at least {low}.")
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        for name in self.preset:
            _check_choice("preset", name, (*PRESETS, *MODALITIES))
        if not self.preset:
            raise UserError(f"preset names nothing to predict; pass one of {', '.join(PRESETS)}.")
        if not self.base_rate > 0:
            raise UserError(f"base_rate is {self.base_rate}; pass a number above 0.")
        if self.warmup_epochs is not None and self.warmup_epochs > self.epochs:
            raise UserError(
                f"warmup_epochs is {self.warmup_epochs}, more than the {self.epochs} epochs. "
                f"Pass warmup_epochs={AUTO} for a fifth, or more epochs."
            )

    def modality_names(self) -> tuple[str, ...]:
        """What is predicted, presets written out."""
        return tuple(dict.fromkeys(name for chosen in self.preset for name in PRESETS.get(chosen, (chosen,))))

    def input_bands(self, every_band: tuple[str, ...]) -> tuple[str, ...]:
        """Sentinel-2 bands that are read."""
        of_presets = [PRESET_BANDS[chosen] for chosen in self.preset if chosen in PRESET_BANDS]
        return self.bands or (of_presets[0] if of_presets else every_band)


MAY_CHANGE = frozenset(
    ("data", "device", "micro_batch", "compile", "workers", "save_every", "keep", "log_every", "tracker")
)
"""Settings that a resumed training may change: where things are and how fast they go. Another micro-batch or device
changes results by rounding, and by how missing values are averaged (`mp_mae.training.loop`)."""

_LOWEST: dict[str, float] = {
    "crop": 1, "mask_ratio": 0, "decoder_width": 1, "decoder_depth": 1, "epochs": 1, "warmup_epochs": 0, "batch": 1,
    "weight_decay": 0, "clip_norm": 0, "seed": 0, "micro_batch": 1, "workers": 1, "save_every": 1, "keep": 1,
    "log_every": 1,
}  # fmt: skip

_TYPES = get_type_hints(Settings)
SETTING_DOCS: dict[str, str] = {
    key: kind.__metadata__[0] for key, kind in get_type_hints(Settings, include_extras=True).items()
}
"""One line on every setting, by key."""
_CHOICES: dict[str, tuple[str, ...]] = {
    **{name: get_args(kind) for name, kind in _TYPES.items() if get_origin(kind) is Literal},
    "losses": tuple(LOSS_RULES),
    "device": ("auto", "cpu"),
}


def paper(data: str) -> Settings:
    """The settings of the paper, with missing data excluded exactly."""
    return Settings(data=data)


def published(data: str) -> Settings:
    """What the published checkpoints were trained with, its rules for missing data, its GRN and its holes included."""
    return Settings(data=data, grn="batch", holes="absent", losses="published")


def quick(data: str) -> Settings:
    """A look at a small dataset on a laptop: minutes, and nothing to compare with anybody's numbers."""
    return Settings(data=data, epochs=50, batch=64, decoder_width=128, base_rate=1e-3)


def demo(data: str) -> Settings:
    """What the shipped demo weights were trained with, on tiles of the simulated world (`python -m mp_mae demo`)."""
    return Settings(
        data=data, size="demo", turn=True, epochs=12, batch=128, decoder_width=128, base_rate=1e-3, log_every=10
    )


RECIPES: dict[str, Callable[[str], Settings]] = {
    "paper": paper,
    "published": published,
    "quick": quick,
    "demo": demo,
}


def vary(settings: Settings, changes: Mapping[str, Any], where: str) -> Settings:
    """The settings with some values replaced; `where` they come from is named in errors.

    Raises:
        UserError: an unknown key (with the nearest known one), a value of another type, or one that makes no sense.
    """
    values = {key: _coerce(key, value, where) for key, value in changes.items()}
    try:
        return Settings(**{**as_fields(settings), **values})
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def as_fields(settings: Settings) -> dict[str, Any]:
    """Values by key, as they are."""
    return {f.name: getattr(settings, f.name) for f in fields(settings)}


def read_toml(path: Path) -> dict[str, Any]:
    """Values by key of a TOML file, unchecked. Raises UserError when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot read the configuration ({error.strerror}). Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML ({error}). Write one `key = value` a line.") from error


def parse_assignment(text: str) -> tuple[str, Any]:
    """`key=value` of the command line; the value is read as TOML where that makes sense, else as the word it is."""
    key, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--set {text}: wanted key=value, for example --set epochs=20.")
    key, value = key.strip(), value.strip()
    if _TYPES.get(key) is str:  # a folder may be called 2024
        return key, value
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def to_toml(settings: Settings) -> str:
    """A TOML file that gives the same settings again."""
    lines = (f"{key} = {json.dumps(AUTO if value is None else value)}" for key, value in asdict(settings).items())
    return "\n".join(lines) + "\n"


def _coerce(key: str, value: Any, where: str) -> Any:
    """A value from TOML or the command line as the type its key wants."""
    if key not in _TYPES:
        nearest = get_close_matches(key, _TYPES, n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        raise UserError(f"{where}: there is no setting {key!r}. {hint}There are: {', '.join(_TYPES)}.")
    kind = _TYPES[key]
    if get_origin(kind) in (Union, types.UnionType):
        if value == AUTO:
            return None
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        listed = [_item(item, part.strip()) for part in value.split(",")] if isinstance(value, str) else value
        n = None if get_args(kind)[-1] is Ellipsis else len(get_args(kind))
        if isinstance(listed, list | tuple) and all(_is(item, part) for part in listed) and n in (None, len(listed)):
            return tuple(item(part) for part in listed)
    elif get_origin(kind) is Literal:
        if isinstance(value, str):
            return value  # `Settings` knows the choices
    elif _is(kind, value):
        return kind(value)
    raise UserError(f"{where}: {key} is {value!r}; wanted {_describe(_TYPES[key])}.")


def _item(kind: type, text: str) -> Any:
    """One entry of a list that was written with commas; text that is no number stays what it is."""
    try:
        return kind(text)
    except ValueError:
        return text


def _is(kind: type, value: Any) -> bool:
    wanted: tuple[type, ...] = (int, float) if kind is float else (kind,)
    return isinstance(value, wanted) and (kind is bool or not isinstance(value, bool))


def _describe(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return f"{_describe(get_args(kind)[0])} or {AUTO}"
    if get_origin(kind) is tuple:
        return f"a list such as {'[0.9, 0.95]' if get_args(kind)[0] is float else 'one,another'}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    return names.get(kind) or "one of " + ", ".join(get_args(kind))


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        nearest = get_close_matches(value, choices, n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        raise UserError(f"{name} is {value!r}. {hint}Pass one of {', '.join(choices)}.")
