"""Files that others published, for the tests that want them: a folder beside the checkout, never a part of it.

Everything these tests hold is held on generated files too (`generated_patches`, `generated_mmearth`).
"""

import os
import shutil
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared" / "fixtures"
VARIABLE = "SHARED_FIXTURES"
CASES = "cases"
"""The folder beside the fixtures with inputs on which the project once failed."""


def shared_fixtures(*below: str) -> Path:
    """A file or folder of `../shared/fixtures`, or of the folder named by $SHARED_FIXTURES; the test is skipped where
    that is absent."""
    return _existing(_root().joinpath(*below))


def shared_cases(*below: str) -> Path:
    """The same of the folder `cases` beside the fixtures."""
    return _existing((_root().parent / CASES).joinpath(*below))


def _root() -> Path:
    return Path(os.environ.get(VARIABLE) or BESIDE)


def _existing(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path}: what others published is not there; ${VARIABLE} names the folder of fixtures")
    return path


def copy_files(source: Path, target: Path) -> Path:
    """The files of a folder in a new one that can be written to, whatever the source's permissions. Returns it."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return target
