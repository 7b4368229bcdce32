"""A library that holds the code of a network may be absent: one line says what installs it."""

from types import SimpleNamespace

import pytest

from baselines.foundation import libraries
from baselines.foundation.libraries import import_from
from mp_mae.errors import NotHereError


@pytest.mark.parametrize(
    ("python", "told"), [((3, 11), "It needs Python 3.12, and this is 3.1"), ((3, 12), "Run: pip")]
)
def test_without_the_library_one_line_says_what_installs_it(monkeypatch, python, told):
    def absent(module):
        raise ModuleNotFoundError(f"No module named {module!r}", name="terratorch")

    monkeypatch.setattr(libraries, "import_module", absent)
    monkeypatch.setattr(libraries, "sys", SimpleNamespace(version_info=python, version="3.11.9 (main)"))
    with pytest.raises(
        NotHereError, match=r"terratorch, which is not installed.*pip install 'mp-mae-bench\[terra"
    ) as said:
        import_from("terratorch", "terratorch.registry")
    assert told in str(said.value)
    assert "\n" not in str(said.value)


def test_what_is_broken_inside_a_library_is_not_called_absent(monkeypatch):
    def broken(module):
        raise ModuleNotFoundError("No module named 'lightning'", name="lightning")

    monkeypatch.setattr(libraries, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="lightning"):
        import_from("terratorch", "terratorch.registry")
