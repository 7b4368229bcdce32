"""Prints what feature pyramids of GEO-Bench's six mask datasets take (docs/caches.md): python docs/make_disk.py

Bytes of an image are measured: a blank image of the dataset's size is embedded by the untrained network, and its maps
are counted as they are stored. What else a network was trained on changes none of it.
"""

from typing import NamedTuple

from baselines.bands import BandInfo
from baselines.registry import find_backbone
from harness.data.sources.geobench.published import ENTRIES
from harness.execution.costs import count_costs
from harness.protocols.masks.linear_probe_masks import LinearProbeMasksSettings

GB = 1e9


class Images(NamedTuple):
    """Of one dataset, as GEO-Bench specifies them."""

    side_px: int
    n_bands: int
    bytes_per_value: int


DATASETS = {
    "m-pv4ger-seg": Images(320, 3, 1),
    "m-chesapeake": Images(256, 4, 1),
    "m-cashew-plant": Images(256, 13, 2),
    "m-SA-crop-type": Images(256, 13, 2),
    "m-nz-cattle": Images(500, 3, 1),
    "m-NeonTree": Images(400, 3, 1),
}
BACKBONES = {
    "ConvNeXt V2 atto, 8 px patches (`mp_mae` and its like)": "random_init",
    "`timm:resnet50`": "timm:resnet50?random",
    "`timm:convnextv2_base`": "timm:convnextv2_base?random",
    "`timm:vit_base_patch16_224`": "timm:vit_base_patch16_224?random",
}
N_BACKBONES, N_DRAWN, N_PARTITIONS, N_SEEDS = 10, 1, 7, 5
"""A grid of ten backbones of 8 px, one of which is drawn anew by each seed."""


def pyramid_bytes(name: str) -> dict[str, int]:
    """Of all images of each dataset."""
    backbone = find_backbone(name).build(None, 0)
    bands = [BandInfo(name=band) for band in backbone.inputs.bands or ("red", "green", "blue")]
    of_side = {side: count_costs(backbone, bands, side, side).pyramid_bytes for side, _, _ in set(DATASETS.values())}
    return {name: sum(ENTRIES[name].sizes) * of_side[images.side_px] for name, images in DATASETS.items()}


def array_bytes() -> int:
    """Of pixels and masks of all six, converted."""
    return sum(
        sum(ENTRIES[name].sizes) * images.side_px**2 * (images.n_bands * images.bytes_per_value + 1)
        for name, images in DATASETS.items()
    )


def main() -> None:
    sizes = {title: pyramid_bytes(name) for title, name in BACKBONES.items()}
    print_row(["GB", *DATASETS, "all six"])
    print_row(["---", *["---:"] * (len(DATASETS) + 1)])
    for title, of in sizes.items():
        print_row([title, *(f"{n / GB:.1f}" for n in of.values()), f"{sum(of.values()) / GB:.0f}"])
    of, arrays = next(iter(sizes.values())), array_bytes()
    networks = N_BACKBONES - N_DRAWN + N_DRAWN * N_SEEDS
    n_features = sum(level.channels for level in find_backbone("random_init").build(None, 0).pyramid)
    drawn = (N_PARTITIONS + 1) * N_SEEDS * LinearProbeMasksSettings().max_pixels * n_features * 4
    print(f"\nTen backbones of the first row, one drawn by {N_SEEDS} seeds, are {networks} networks:")
    print(f"every pyramid kept: {networks * sum(of.values()) / GB:,.0f} GB")
    print(f"one at a time (--cache-limit): {max(of.values()) / GB:.0f} GB, and {arrays / GB:.0f} GB of arrays")
    print(f"no pyramid, but drawn pixels of {N_PARTITIONS} partitions and {N_SEEDS} seeds: up to {drawn / GB:.1f} GB a")
    print("dataset and network for linear_probe; conv_probe would need the pyramids nevertheless")


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
