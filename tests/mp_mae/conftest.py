"""Golden values and random checkpoints in the official layout (see tests/fixtures/golden/README.md)."""

from pathlib import Path

import numpy as np
import pytest

from official_checkpoint import PATCHES, write_official_checkpoint

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"


@pytest.fixture(scope="session")
def official_files(tmp_path_factory):
    """The official-layout file of each geometry."""
    folder = tmp_path_factory.mktemp("official")
    return {geometry: write_official_checkpoint(folder / f"{geometry}.pth", geometry) for geometry in PATCHES}


@pytest.fixture(scope="session")
def golden_features():
    """The arrays of `features_<geometry>.npz`, by geometry."""
    return {geometry: dict(np.load(GOLDEN / f"features_{geometry}.npz")) for geometry in PATCHES}
