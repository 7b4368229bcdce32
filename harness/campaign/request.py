"""What a user asked for, validated at the edge: below this, everything is explicit and known to exist."""

import difflib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from baselines.registry import check_name, find_backbone
from baselines.table import BACKBONES
from harness.campaign.changes import Changes, read_changes
from harness.campaign.dividing.shards import Shard
from harness.campaign.presets import PRESETS, Block
from harness.campaign.weights import read_weights
from harness.data.band_matching import MissingBands
from harness.errors import UserError
from harness.protocols import PROTOCOL_NAMES, runs_on_few_labels
from harness.records.band_sets import ALL, EACH, BandSets
from harness.records.ray_wish import ExecutorName, RayWish, read_ray_wish
from harness.records.run import BandNames, NormalisationPolicy, Selection, TrainDraw

Item = TypeVar("Item")

WHOLE_TRAIN: Literal["all"] = "all"


class RunRequest(BaseModel):
    """One `harness run`: a grid of backbones, seeds and blocks, and where things lie."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbones: tuple[str, ...] = Field(min_length=1)
    """Names as `baselines.registry` knows them, in the order they will run."""
    asked_for_all: bool
    """Whether nobody named the backbones one by one; then one that lacks its weights is left out, not refused."""
    weights: dict[str, Path]
    """Weights by backbone."""
    geobench_dir: Path
    blocks: tuple[Block, ...] = Field(min_length=1)
    """What is run with every backbone and seed."""
    train_draw: TrainDraw
    selection: Selection
    trials: NonNegativeInt = 0
    """Trials that tune each run of a protocol that can be tuned; 0: documented defaults."""
    changes: Changes = Field(default_factory=dict)
    """Settings of protocols that are other than documented."""
    shots: tuple[PositiveInt, ...]
    """Labels per class that the few-shot protocols are tried with."""
    budgets: tuple[PositiveInt | Literal["all"], ...]
    """Labelled images in all that the few-shot protocols are tried with; `WHOLE_TRAIN`: all of train."""
    seeds: tuple[int, ...] = Field(min_length=1)
    drawn_seeds: tuple[int, ...] = ()
    """Of backbones whose weights come from the seed; empty: the same."""
    missing_bands: MissingBands
    band_names: BandNames = BandNames.CORRECTED
    normalisation: NormalisationPolicy | None = None
    """None: each backbone's own default."""
    ignore_nodata: bool = False
    """Whether pixels without image data are left out of training and metrics of masks."""
    input_size: PositiveInt | Literal["native"] | None = None
    """Side in pixels every image is resampled to; `native`: the one its backbone was trained with; None: its own."""
    shard: Shard | None = None
    """The share of the grid that this command does; None: all of it."""
    retry_failed: bool = False
    """Whether runs are tried again that failed several times alike."""
    db: Path
    cache_dir: Path
    cache_limit: NonNegativeInt | None = None
    """Bytes that the cache may take; None: what the disk has."""
    verify_data: bool = False
    """Whether all samples are read again and compared with arrays that were made of them earlier."""
    device: str
    workers: PositiveInt = 1
    """Processes that may execute runs side by side."""
    ray: RayWish | None = None
    """Where runs are done instead of here; what is planned and converted here is so on `device`."""

    def seeds_of(self, backbone: str) -> tuple[int, ...]:
        """Seeds that a backbone is run with."""
        return self.drawn_seeds if self.drawn_seeds and find_backbone(backbone).seeded else self.seeds

    @property
    def draws_few_labels(self) -> bool:
        """Whether a protocol is asked for that runs on `shots` and `budgets`."""
        return any(runs_on_few_labels(name) for block in self.blocks for name in block.protocols)


def make_request(
    *,
    backbones: Iterable[str],
    weights: Iterable[str],
    datasets: Iterable[str],
    protocols: Iterable[str],
    partitions: Iterable[str],
    seeds: Iterable[int],
    shots: Iterable[int],
    budgets: Iterable[int | Literal["all"]],
    device: str,
    preset: str | None = None,
    usual: Iterable[str] = (),
    train_bands: Iterable[Iterable[str]] = (),
    test_bands: Iterable[Iterable[str]] = (),
    drop_bands: Iterable[str] = (),
    settings: Iterable[str] = (),
    executor: str = ExecutorName.LOCAL,
    ray_address: str | None = None,
    **rest: Any,
) -> RunRequest:
    """Validate a user's words and resolve `all`, `auto`, `--weights` and `--preset`.

    Args:
        preset: gives protocols, partitions and bands, which must then be empty; backbones unless some are named;
            datasets, of which those named are kept.
        usual: backbones where neither some are named nor a preset is; one that is not here is left out.
        train_bands: sets of bands to train on; `test_bands` likewise. Each of the former is tried by itself and with
            each of the latter.
        settings: `PROTOCOL.SETTING=VALUE`, other than documented.
        executor: who does the runs; `ray_address`: of Ray's cluster. With Ray `device` is that of its nodes.
        drop_bands: names, or `each` alone: bands that are lost at test, one at a time.
    Raises:
        UserError: an unknown name (with the nearest known one), weights that belong to no chosen backbone, a negative
            seed, a device this machine does not have, a preset beside what it decides, a setting that is none.
    """
    ray = read_ray_wish(executor, ray_address, device)
    backbones, weights = tuple(backbones), tuple(weights)
    blocks: tuple[Block, ...]
    bands = _band_sets(train_bands, test_bands, drop_bands)
    if preset is None:
        asked, blocks = backbones or tuple(usual), (replace(_one_block(datasets, protocols, partitions), bands=bands),)
    else:
        chosen = PRESETS[known_name("preset", preset, PRESETS)]
        _leave_to_preset(preset, [*protocols, *partitions], bands)
        asked, blocks = backbones or chosen.backbones, _narrowed(preset, chosen.blocks, tuple(datasets))
    names = tuple(BACKBONES) if asked == ("all",) else _distinct(asked)
    for name in names:
        check_name(name)
    if not names and not weights:
        raise UserError("name what to evaluate: --backbone NAME (see `python -m harness backbones`) or --preset NAME")
    checkpoints, assigned = read_weights(weights, names)
    shots, budgets = tuple(shots), tuple(budgets)
    if not shots and not budgets:
        _need_no_few_labels(blocks)
    try:
        return RunRequest(
            backbones=(*names, *checkpoints),
            asked_for_all=asked != backbones or asked == ("all",),
            weights=assigned,
            blocks=blocks,
            changes=read_changes(settings, _distinct(name for block in blocks for name in block.protocols)),
            seeds=_distinct(_natural(seed) for seed in seeds),
            shots=_distinct(shots),
            budgets=_distinct(budgets),
            device=known_device("cpu" if ray else device),
            ray=ray,
            **rest,
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]).replace("_", "-")
        raise UserError(f"--{field}: {first['msg']}, found {first['input']!r}") from error


def _leave_to_preset(preset: str, named: Iterable[str], bands: tuple[BandSets, ...]) -> None:
    if list(named):
        raise UserError(f"--preset {preset} decides protocols and partitions: leave out --protocols and --partitions")
    if bands != (ALL,):
        raise UserError(
            f"--preset {preset} decides bands: leave out --train-bands, --test-bands and --drop-bands, or say what it "
            "runs by --protocols and --datasets"
        )


def _need_no_few_labels(blocks: Iterable[Block]) -> None:
    few = [name for block in blocks for name in block.protocols if runs_on_few_labels(name)]
    if few:
        raise UserError(
            f"--protocols {few[0]} draws few labels: pass --shots, --budgets or both, for example --shots 5"
        )


def _one_block(datasets: Iterable[str], protocols: Iterable[str], partitions: Iterable[str]) -> Block:
    names = _distinct(known_name("protocol", name, PROTOCOL_NAMES) for name in protocols)
    block = Block(datasets=_distinct(datasets), protocols=names, partitions=_distinct(partitions))
    for option in ("protocols", "partitions"):
        if not getattr(block, option):
            raise UserError(f"--{option}: names nothing. Name at least one, or leave the option out")
    return block


def _band_sets(
    trains: Iterable[Iterable[str]], tests: Iterable[Iterable[str]], dropped: Iterable[str]
) -> tuple[BandSets, ...]:
    """Every training set by itself, with each test set, and without each band that is dropped."""
    named = {"--train-bands": [tuple(names) for names in trains], "--test-bands": [tuple(names) for names in tests]}
    for option, sets in named.items():
        if () in sets:
            raise UserError(f"{option}: names no band. Name some, for example {option} B4,B3,B2")
    drops = _distinct(dropped)
    if EACH in drops and len(drops) > 1:
        raise UserError(f"--drop-bands: {EACH} stands for all bands. Leave out {', '.join(set(drops) - {EACH})}")
    return _distinct(
        sets
        for train in named["--train-bands"] or [()]
        for sets in (
            BandSets(train=train),
            *(BandSets(train=train, test=test) for test in named["--test-bands"]),
            *(BandSets(train=train, dropped=band) for band in drops),
        )
    )


def _narrowed(preset: str, blocks: tuple[Block, ...], datasets: tuple[str, ...]) -> tuple[Block, ...]:
    """The blocks with those of their datasets that are named, all if none is."""
    if not datasets:
        return blocks
    there = _distinct(name for block in blocks for name in block.datasets)
    wanted = {known_name(f"dataset of --preset {preset}", name, there) for name in datasets}
    kept = (replace(block, datasets=tuple(name for name in block.datasets if name in wanted)) for block in blocks)
    return tuple(block for block in kept if block.datasets)


def known_name(what: str, name: str, names: Iterable[str]) -> str:
    """`name` if it is one of `names`; else a UserError that suggests the nearest and lists all."""
    names = list(names)
    if name in names:
        return name
    nearest = [known for known in names if name and known.startswith(name)] or difflib.get_close_matches(name, names)
    hint = f"Did you mean {nearest[0]}? " if nearest else ""
    raise UserError(f"unknown {what} {name!r}. {hint}There are: {', '.join(names)}")


def _distinct(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))


def _natural(seed: int) -> int:
    if seed < 0:
        raise UserError(f"--seeds: expected numbers from 0, found {seed}")
    return seed


def known_device(name: str) -> str:
    """`auto` is the GPU if there is one; anything else must be here."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise UserError(
            f"--device {name}: not on this machine ({str(error).splitlines()[0]}). Use auto or cpu"
        ) from error
    return name
