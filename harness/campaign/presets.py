"""Grids by name: what reproduces a published table, in one command."""

from dataclasses import dataclass

from harness.data.band_matching import MissingBands
from harness.records.band_sets import ALL, BandSets
from harness.records.run import BandNames


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
    where_there: bool = False
    """Whether a dataset that is not there is left out, instead of refused."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Blocks, and the backbones they are run with unless others are named."""

    summary: str
    backbones: tuple[str, ...]
    blocks: tuple[Block, ...]
    missing_bands: MissingBands = MissingBands.NEAREST
    """What feeds a band that is not there, unless somebody says otherwise; as published, like the names below."""
    band_names: BandNames = BandNames.STORED


_COMPARED = ("mp_mae", "imagenet_mae", "image_statistics", "random_init")
_FEW = ("0.01x_train", "0.05x_train", "0.50x_train")


def _geocross(summary: str, datasets: tuple[str, ...], rgb: tuple[str, ...], *others: tuple[str, ...]) -> Preset:
    """GeoCrossBench's protocols: on the bands of training, on sets that share some or none of them, and on more.

    Red, green and blue hand over first where all of Sentinel-2 trains, so that what reads these alone has one result.
    """
    bands = (
        BandSets(train=rgb),
        *(BandSets(train=rgb, test=test) for test in (*others, ("S2",))),
        BandSets(train=(*rgb, "S2")),
        *(BandSets(train=(*rgb, "S2"), test=test) for test in (rgb, *others)),
    )
    return Preset(
        summary=summary,
        backbones=("mp_mae", "optical_mae", "rgb_mae", "imagenet_mae", "image_statistics"),
        blocks=(
            Block(
                datasets=datasets,
                protocols=("linear_probe", "fine_tune"),
                partitions=("default",),
                bands=bands,
                where_there=True,
            ),
        ),
        missing_bands=MissingBands.ZERO,
        band_names=BandNames.CORRECTED,
    )


PRESETS = {
    "mmearth-table": Preset(
        summary="the results table and the label-efficiency figure of MMEarth (ECCV 2024), by its own recipes",
        backbones=("mp_mae_published", "optical_mae", "imagenet_mae_published"),
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
    ),
    "geocross-classification": _geocross(
        "GeoCrossBench's sets of bands (2025), trained on red, green, blue or on Sentinel-2: classes of images",
        ("m-bigearthnet", "m-so2sat", "m-brick-kiln", "m-eurosat"),
        ("B4", "B3", "B2"),
        ("B4", "B3", "B5"),
        ("B4", "B5", "B6"),
        ("B8A", "B11", "B12"),
        ("VV", "VH"),
    ),
    "geocross-segmentation": _geocross(
        "the same of masks",
        ("m-cashew-plant", "m-SA-crop-type"),
        ("B2", "B3", "B4"),
        ("B5", "B3", "B4"),
        ("B6", "B5", "B4"),
        ("B8A", "B11", "B12"),
        ("VH", "VV"),
    ),
    "geobench2": Preset(
        summary="GEO-Bench-2 without detection: frozen and fine-tuned (docs/geobench2.md)",
        backbones=_COMPARED,
        blocks=(
            Block(
                datasets=(
                    "benv2",
                    "treesatai",
                    "so2sat",
                    "forestnet",
                    "burn_scars",
                    "caffe",
                    "cloudsen12",
                    "dynamic_earthnet",
                    "flair2",
                    "fotw",
                    "kuro_siwo",
                    "pastis",
                    "spacenet2",
                    "spacenet7",
                    "biomassters",
                ),
                protocols=("linear_probe", "fine_tune"),
                partitions=("default",),
                where_there=True,
            ),
        ),
        band_names=BandNames.CORRECTED,
    ),
    "mmearth-bench": Preset(
        summary="MMEarth-Bench: three shares of train, tested at random places and in Africa (docs/mmearth_bench.md)",
        backbones=_COMPARED,
        blocks=(
            Block(
                datasets=tuple(
                    task + test
                    for task in ("biomass", "soil_nitrogen", "soil_organic_carbon", "soil_pH", "species")
                    for test in ("", "-geographic")
                ),
                protocols=("linear_probe", "fine_tune"),
                partitions=("0.05x_train", "0.50x_train", "default"),
                where_there=True,
            ),
        ),
    ),
}
