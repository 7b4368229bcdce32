"""Shared by all tests."""

import errno
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers of pytest-xdist share the cores; set before torch is imported

import pytest

from generated_patches import write_patches
from shared_fixtures import shared_fixtures


@pytest.fixture(scope="session")
def geobench(tmp_path_factory):
    """The official package, imported where the folder it makes in the home directory does no harm."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(home))
        patched.setenv("GEO_BENCH_DIR", str(home / "geobench"))
        return pytest.importorskip("geobench", reason="the official package is not installed", exc_type=ImportError)


@pytest.fixture
def unreadable(monkeypatch):
    """Makes a folder one that may not be listed, also for who may do everything."""

    def make(folder: Path) -> None:
        for name in ("scandir", "listdir"):
            monkeypatch.setattr(os, name, _refusing(getattr(os, name), folder))

    return make


def _refusing(lists, folder):
    def listing(path="."):
        if Path(os.fsdecode(path)) == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return lists(path)

    return listing


@pytest.fixture(scope="session")
def patches(tmp_path_factory) -> Path:
    """A root with the two datasets of `generated_patches`, for reading only."""
    return write_patches(tmp_path_factory.mktemp("patches"))


@pytest.fixture(scope="session", params=["generated", "published"])
def any_patches(request, patches) -> Path:
    """A root with a multi-label and a segmentation dataset, ours or published ones."""
    return patches if request.param == "generated" else shared_fixtures("geobench")
