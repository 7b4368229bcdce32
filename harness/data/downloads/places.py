"""Everything that can be downloaded by name, and where it comes to lie."""

from pathlib import Path

from harness.data.sources import SOURCES
from harness.data.suites import data_place
from mp_mae.downloads.published import PRETRAINING, Published, RemoteFile

_EUROSAT = Published(
    name="eurosat",
    what="27,000 RGB images in 10 classes, 95 MB",
    base="https://zenodo.org/records/7711810/files",
    files=(RemoteFile(path="EuroSAT_RGB.zip", size=94_658_721, checksum="md5:f46e308c4d50d4bf32fedad2d3d62f3b"),),
    folder="eurosat",
    licence="MIT",
    page="https://zenodo.org/records/7711810",
    archive=True,
    holds=("AnnualCrop", "Forest", "SeaLake"),
)

OF_SUITES: dict[str, Published] = {
    name: published for source in SOURCES.values() for name, published in source.downloads.items()
}
"""Datasets that the harness finds by their names below a root of data."""

BESIDE: dict[str, Published] = {_EUROSAT.name: _EUROSAT} | PRETRAINING
"""What is named by its folder: images for `run --data`, pretraining data, weights."""

DOWNLOADS: dict[str, Published] = OF_SUITES | BESIDE


def folders_of(published: Published, root: Path) -> list[Path]:
    """Where something of no suite is: below a root of data, or beside it."""
    folders = [folder / published.folder for folder in (root, root.parent)]
    return [folder for folder in folders if folder.is_dir()]


def place_of(published: Published, out: Path | None) -> Path:
    """The folder that a download's folder lies in: as given; else the root of data for a dataset of a suite, and the
    folder around that root for everything else, so that a root holds suites alone."""
    if out is not None:
        return out.expanduser()
    root = data_place(None)
    return root if published.name in OF_SUITES else root.parent
