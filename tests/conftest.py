"""Shared by all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers of pytest-xdist share the cores; set before torch is imported

import pytest


@pytest.fixture(scope="session")
def geobench(tmp_path_factory):
    """The official package, imported where the folder it makes in the home directory does no harm."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(home))
        patched.setenv("GEO_BENCH_DIR", str(home / "geobench"))
        return pytest.importorskip("geobench", reason="the official package is not installed", exc_type=ImportError)
