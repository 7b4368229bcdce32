"""The source that the small datasets are in."""

from pathlib import Path

import pytest

from harness.data.sources import SOURCES
from toy_source import TOY


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where datasets of the toy source are found."""
    monkeypatch.setitem(SOURCES, TOY.name, TOY)
    return tmp_path / "data"
