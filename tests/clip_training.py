"""Trainings of the objective `clip` that take seconds, for tests."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mp_mae.training.objectives import GROUP
from mp_mae.training.setting_values import AUTO
from mp_mae.training.settings import Settings, vary
from pretraining_run import TINY

ROOT = Path(__file__).parent.parent
SHARED = {key: value for key, value in TINY.items() if key not in ("mask_ratio", "decoder_width")}


def install_clip(folder: Path) -> Path:
    """A folder for Python's search path that says what our own metadata say, installed as they are now or not."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    metadata = folder / "clip_as_declared-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: clip-as-declared\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
    return folder


@pytest.fixture
def clip(tmp_path_factory, monkeypatch):
    """The objective `clip`, found as in an installation."""
    monkeypatch.syspath_prepend(str(install_clip(tmp_path_factory.mktemp("installed"))))


def clip_settings(data: Path, **changes: Any) -> Settings:
    """Three modalities of tiny crops: of 12 tiles six steps in two epochs."""
    words = {"objective": "clip", "preset": ("sentinel2", "sentinel1", "aster"), "bands": ("B4", "B3", "B2")}
    given = {**SHARED, **words, "size": "demo", "base_rate": 0.01, "turn": True, **changes}
    return vary(
        Settings(data=str(data)), {key: AUTO if value is None else value for key, value in given.items()}, "test"
    )
