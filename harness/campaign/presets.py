"""Grids by name: what reproduces a published table, in one command."""

from dataclasses import dataclass

from harness.records.band_sets import ALL, BandSets


@dataclass(frozen=True, kw_only=True)
class Block:
    """Part of a grid: each of its protocols on each of its datasets, on each of its partitions."""

    datasets: tuple[str, ...]
    """Names; empty: all there are."""
    protocols: tuple[str, ...]
    partitions: tuple[str, ...]
    """Names, or `all`."""
    bands: tuple[BandSets, ...] = (ALL,)
    """Each is tried with all of the above."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Blocks, and the backbones they are run with unless others are named."""

    summary: str
    backbones: tuple[str, ...]
    blocks: tuple[Block, ...]


_FEW = ("0.01x_train", "0.05x_train", "0.50x_train")

PRESETS = {
    "mmearth-table": Preset(
        summary="the results table and the label-efficiency figure of MMEarth (ECCV 2024), by its own recipes",
        backbones=("mp_mae_published", "optical_mae", "imagenet_mae"),
        blocks=(
            Block(
                datasets=("m-bigearthnet", "m-so2sat"),
                protocols=("fine_tune_published", "linear_probe_sgd"),
                partitions=("1.00x_train",),
            ),
            Block(
                datasets=("m-cashew-plant", "m-SA-crop-type"),
                protocols=("fine_tune_published",),
                partitions=("1.00x_train",),
            ),
            Block(datasets=("m-bigearthnet", "m-so2sat"), protocols=("linear_probe_sgd_32",), partitions=_FEW),
            Block(datasets=("m-eurosat",), protocols=("linear_probe_sgd_8",), partitions=(*_FEW, "1.00x_train")),
        ),
    )
}
