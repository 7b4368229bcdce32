"""Datasets in each layout that MMEarth's files are found in: generated, and published ones where those are at hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmearth_layouts import write_plain_tiles, write_sparse_tiles
from shared_fixtures import shared_fixtures

GENERATED: dict[str, Callable[[Path], Path]] = {"sparse_tiles": write_sparse_tiles, "plain_tiles": write_plain_tiles}
COMPRESSED = ("sparse_tiles", "data_real_v001")
CONTIGUOUS = ("plain_tiles", "data_1M_v001_64")


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mmearth")
    return {name: write(root / name) for name, write in GENERATED.items()}


@pytest.fixture
def sparse_tiles(generated) -> Path:
    return generated["sparse_tiles"]


@pytest.fixture
def plain_tiles(generated) -> Path:
    return generated["plain_tiles"]


@pytest.fixture(params=[*COMPRESSED, *CONTIGUOUS])
def tiles(request, generated) -> Path:
    """A dataset in each layout."""
    return generated.get(request.param) or shared_fixtures("mmearth", request.param)


@pytest.fixture(params=COMPRESSED)
def compressed_tiles(request, generated) -> Path:
    return generated.get(request.param) or shared_fixtures("mmearth", request.param)
