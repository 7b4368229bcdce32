"""Objectives of other packages: found by an entry point, chosen by name or by a preset of their own."""

import sys
from dataclasses import replace

import pytest

from mp_mae.cli.app import main
from mp_mae.errors import UserError
from mp_mae.files.plug_ins import find_along
from mp_mae.modalities import PRESETS
from mp_mae.training.objectives import GROUP, find_objective, objective_names
from mp_mae.training.setting_values import read_toml
from mp_mae.training.settings import Settings, to_toml, vary

MODULE = """
from dataclasses import dataclass
from typing import Annotated

from mp_mae.training.objectives import DataPreset, ObjectiveEntry


@dataclass(frozen=True, kw_only=True)
class Options:
    warmth: Annotated[float, "how warm it is"] = 0.5


def load():
    raise AssertionError("nobody needs the class yet")


ENTRY = ObjectiveEntry(
    summary="stay warm", options=Options, load=load, sizes=("small", "demo"), backbone="warm",
    presets={"radar": DataPreset(modalities=("sentinel1", "canopy_height_eth"), bands=("B4",),
                                 instead={"canopy_height_eth": "aster"})},
)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes packages found on Python's search path: metadata as pip writes it, with the module beside."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_one(package: str, name: str, value: str, text: str | None = None) -> None:
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
        if text is not None:
            module = value.partition(":")[0]
            (tmp_path / f"{module}.py").write_text(text)
            monkeypatch.delitem(sys.modules, module, raising=False)
        find_along.cache_clear()

    yield install_one
    find_along.cache_clear()


@pytest.fixture
def warm(install):
    install("warmth", "warm", "warm_plugin:ENTRY", MODULE)


def test_names_are_listed_without_running_anybodys_code(warm):
    assert objective_names()[0] == "mp_mae"
    assert "warm" in objective_names()
    assert "warm_plugin" not in sys.modules
    assert find_objective("warm").summary == "stay warm"


def test_it_is_chosen_by_name_with_its_own_options_and_a_size_it_has(warm):
    chosen = vary(Settings(data="DIR"), {"objective": "warm", "warmth": 1}, "test")
    assert (chosen.objective, chosen.options.warmth, chosen.size) == ("warm", 1.0, "small")
    assert vary(Settings(data="DIR", size="demo"), {"objective": "warm"}, "test").size == "demo"
    with pytest.raises(UserError, match="size is 'atto'; pass one of small, demo"):
        vary(chosen, {"size": "atto"}, "test")


def test_its_preset_chooses_it_with_modalities_and_bands(warm, tmp_path):
    chosen = vary(Settings(data="DIR"), {"preset": "radar"}, "test")
    assert chosen.objective == "warm"
    assert chosen.modality_names() == ("sentinel1", "canopy_height_eth")
    assert (chosen.input_bands(("B1",)), chosen.substitutes()) == (("B4",), {"canopy_height_eth": "aster"})
    (tmp_path / "settings.toml").write_text(to_toml(chosen), encoding="utf-8")
    assert vary(Settings(data="other"), read_toml(tmp_path / "settings.toml"), "settings.toml") == chosen
    with pytest.raises(UserError, match="preset is 'radar'"):
        vary(Settings(data="DIR"), {"preset": "radar", "objective": "mp_mae"}, "test")


def test_presets_of_all_objectives_choose_none(warm):
    assert vary(Settings(data="DIR"), {"preset": "s2"}, "test") == replace(Settings(data="DIR"), preset=("s2",))
    assert "warm_plugin" not in sys.modules


def test_the_help_lists_its_settings_sizes_and_presets(warm, capsys):
    with pytest.raises(SystemExit):
        main(["pretrain", "--help"])
    printed = capsys.readouterr().out
    assert "with objective=warm (stay warm; size small, demo; preset radar):" in printed
    assert "warmth=0.5" in printed


@pytest.mark.parametrize(
    ("value", "text", "says"),
    [
        (
            "cold_plugin:ENTRY",
            "import no_such_library",
            r"cannot be loaded \(ModuleNotFoundError: No module named 'no_",
        ),
        ("cold_plugin:ENTRY", "", r"cannot be loaded \(AttributeError"),
        ("cold_plugin:ENTRY", "ENTRY = 3", r"cold_plugin:ENTRY of cold 1.0 is a int; wanted an ObjectiveEntry"),
    ],
)
def test_one_that_cannot_be_loaded_is_told_in_a_line_and_help_still_works(install, capsys, value, text, says):
    install("cold", "cold", value, text)
    with pytest.raises(UserError, match=says):
        find_objective("cold")
    assert find_objective("mp_mae").backbone == "mp_mae"
    with pytest.raises(SystemExit):
        main(["pretrain", "--help"])
    assert "with objective=cold: objective cold:" in capsys.readouterr().out


def test_a_name_that_two_packages_give_is_refused_with_both_named(warm, install):
    install("heat", "warm", "heat_plugin:ENTRY")
    with pytest.raises(UserError, match=r"objective warm: wanted one, found those of .*(heat|warmth) 1.0, .*Uninstall"):
        find_objective("warm")
    install("copy", "mp_mae", "warm_plugin:ENTRY")
    with pytest.raises(UserError, match=r"found those of copy 1.0, mp_mae itself"):
        find_objective("mp_mae")


def test_a_name_that_nobody_installed_is_refused_with_the_list(warm):
    with pytest.raises(UserError, match=r"objective is 'wram'. Did you mean warm\? Pass one of mp_mae, "):
        find_objective("wram")


def test_no_preset_of_an_objective_is_called_like_one_of_all():
    entries = [find_objective(name) for name in objective_names()]
    assert not {preset for entry in entries for preset in entry.presets} & PRESETS.keys()
