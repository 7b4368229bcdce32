"""Backbones by name: built in, registered by packages, in files. Whose code is run, and when, and what is refused."""

import sys

import pytest

from baselines import registry
from baselines.entry import Kind
from baselines.registry import GROUP, backbone_names, check_name, find_backbone
from baselines.registry.python_file import PythonFile, hash_code
from baselines.table import BACKBONES
from mp_mae.errors import UserError
from mp_mae.files.plug_ins import find_along

MODULE = '''
import torch
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.entry import Entry


class Means(Backbone):
    def embed(self, x, facts):
        return Features(vector=x.mean(dim=(2, 3)), maps=())


def build(weights, seed):
    """Means of red and blue.

    More about it.
    """
    return Means(inputs=InputSpec(bands=("B4", "B2")), origin=Origin(weights_sha256=f"{seed:064x}", description=""),
                 pyramid=())


ENTRY = Entry(name="whatever", summary="from an entry", module=__name__, weights="none", seeded=True)
'''


LOADS = """
def build(weights, seed):
    backbone = build_empty(weights, seed)
    backbone.register_buffer("w", torch.tensor(float(weights.read_text())))
    return backbone


def build_empty(weights, seed):
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes packages found on Python's search path: metadata as pip writes it, with the modules beside."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_one(package, entry_points, **modules):
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, name, raising=False)
        find_along.cache_clear()

    yield install_one
    find_along.cache_clear()
    registry._registered.cache_clear()


def test_a_function_that_a_package_registers_is_a_backbone(install):
    install("means", {"means": "means_plugin:build"}, means_plugin=MODULE)
    check_name("means")
    assert "means_plugin" not in sys.modules, "a name is checked without running anybody's code"
    assert backbone_names() == [*BACKBONES, "means"]
    entry = find_backbone("means")
    assert (entry.name, entry.package, entry.summary) == ("means", "means 1.0", "Means of red and blue.")
    backbone = entry.build(None, 5)
    assert backbone.inputs.bands == ("B4", "B2")
    described = entry.describe(backbone)
    assert {"builder": "means_plugin", "version": 1}.items() <= described.items()
    assert described.keys() == {"builder", "version", "code_sha256", "state_sha256"}
    assert backbone.origin.weights_sha256 == f"{0:064x}", "who does not say `seeded` gets one network for all seeds"


def test_an_entry_that_a_package_registers_decides_weights_and_seeds(install):
    install("means", {"means": "means_plugin:ENTRY"}, means_plugin=MODULE)
    entry = find_backbone("means")
    assert (entry.name, entry.package, entry.weights, entry.seeded) == ("means", "means 1.0", "none", True)
    assert entry.build(None, 5).origin.weights_sha256 == f"{5:064x}"


def test_an_edited_package_is_another_backbone(install, tmp_path):
    install("means", {"means": "means_plugin:build"}, means_plugin=MODULE)
    first = find_backbone("means").code_sha256
    registry._registered.cache_clear()  # as in another process
    assert find_backbone("means").code_sha256 == first
    (tmp_path / "means_plugin.py").write_text(MODULE.replace("mean(", "amax("))
    registry._registered.cache_clear()
    assert find_backbone("means").code_sha256 != first


def test_all_files_of_a_package_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_plugin" / "parts").mkdir(parents=True)
    (tmp_path / "a_plugin" / "__init__.py").write_text("")
    helper = tmp_path / "a_plugin" / "parts" / "layers.py"
    helper.write_text("N = 1")
    first = hash_code("a_plugin.model")
    helper.write_text("N = 2")
    assert hash_code("a_plugin.model") != first
    assert hash_code("no_such_plugin.model") is None


@pytest.mark.parametrize("told", ["0" * 64, "{seed:064x}"])
def test_other_weights_are_another_backbone_whatever_it_says_of_them(tmp_path, told):
    path = tmp_path / "mine.py"
    path.write_text(MODULE.replace("{seed:064x}", told).replace("def build(weights, seed):", LOADS))
    entry = find_backbone(f"{path}:build")
    described = []
    for value in (1.0, 2.0):
        (tmp_path / "w").write_text(str(value))
        described.append(entry.describe(entry.build(tmp_path / "w", 0)))
    assert described[0] != described[1]


def test_what_is_no_backbone_is_refused_in_one_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def build(weights, seed):\n    return 3")
    with pytest.raises(UserError, match=r"mine\.py:build: its function returned 3; a baselines\.contract\.Backbone is"):
        find_backbone(f"{path}:build").build(None, 0)


def test_equal_files_of_two_folders_each_read_what_lies_beside_them(tmp_path):
    text = "from pathlib import Path\nBESIDE = (Path(__file__).parent / 'w').read_text()"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(text)
        (tmp_path / name / "w").write_text(name)
    files = [PythonFile.read(tmp_path / name / "mine.py") for name in ("first", "second")]
    assert [file.load().BESIDE for file in files] == ["first", "second"]


def test_a_plug_in_that_cannot_be_imported_fails_when_it_is_built(install):
    install("broken", {"broken": "broken_plugin:build"}, broken_plugin="import a_library_nobody_has")
    assert "broken" in backbone_names()
    with pytest.raises(ModuleNotFoundError, match="a_library_nobody_has"):
        find_backbone("broken").build(None, 0)


def test_who_shadows_a_built_in_backbone_is_named(install):
    install("loud", {"mp_mae": "loud_plugin:build"})
    with pytest.raises(UserError, match=r"backbone mp_mae is built in, and loud 1\.0 registers another"):
        check_name("mp_mae")
    check_name("random_init")


def test_two_packages_of_one_name_are_named(install):
    install("one", {"twin": "one_plugin:build"})
    install("two", {"twin": "two_plugin:build"})
    with pytest.raises(UserError, match=r"twin is registered 2 times, by one 1\.0 and two 1\.0"):
        find_backbone("twin")


def test_an_unknown_name_is_met_with_the_nearest_and_all_others(install):
    install("means", {"means": "means_plugin:build"})
    with pytest.raises(UserError, match=r"unknown backbone 'meens'. Did you mean means\? There are: mp_mae, .*means"):
        check_name("meens")


def test_a_function_of_a_file_is_a_backbone_and_its_content_is_part_of_what_it_is(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    entry = find_backbone(f"{path}:build")
    assert entry.name == "mine.py:build", "the folder is the machine's own"
    described = entry.describe(entry.build(None, 0))
    assert described["builder"] == "mine.py"
    path.write_text(MODULE.replace('"B4", "B2"', '"B2", "B4"'))
    edited = find_backbone(f"{path}:build")
    backbone = edited.build(None, 0)
    assert backbone.inputs.bands == ("B2", "B4"), "an edit within the same second is seen"
    assert edited.describe(backbone)["file_sha256"] != described["file_sha256"]


def test_an_entry_of_a_file_says_more_than_a_function(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE + "# with an entry")
    entry = find_backbone(f"{path}:ENTRY")
    assert (entry.name, entry.seeded) == ("mine.py:ENTRY", True)
    backbone = entry.build(None, 5)
    assert backbone.origin.weights_sha256 == f"{5:064x}"
    assert entry.describe(backbone)["builder"] == "mine.py"


def test_a_file_that_is_edited_later_is_run_as_it_was_read(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE + "# planned")
    entry = find_backbone(f"{path}:build")
    path.write_text("changed")
    assert entry.build(None, 0).inputs.bands == ("B4", "B2")


def test_a_file_that_is_not_there_is_refused_when_it_is_named(tmp_path):
    with pytest.raises(UserError, match=r"mine\.py: wanted a Python file .* found No such file"):
        check_name(f"{tmp_path / 'mine.py'}:build")


def test_a_file_without_the_function_fails_when_it_is_built(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import torch")
    with pytest.raises(UserError, match=r"mine.py: wanted a function `build\(weights, seed\)`.*found none"):
        find_backbone(f"{path}:build").build(None, 0)


def test_built_in_entries_are_found_as_they_are():
    for name, entry in BACKBONES.items():
        assert find_backbone(name) is entry


def test_each_built_in_backbone_says_what_its_features_come_from():
    """A default would make a floor of tomorrow pass for a pretrained network, which is marked when a floor beats it."""
    kinds = {name: find_backbone(name).kind for name in ("mp_mae", "imagenet_mae", "random_init", "image_statistics")}
    assert kinds == {
        "mp_mae": Kind.PRETRAINED, "imagenet_mae": Kind.PRETRAINED, "random_init": Kind.UNTRAINED,
        "image_statistics": Kind.FLOOR,
    }  # fmt: skip
    assert find_backbone("timm:resnet18").kind is Kind.PRETRAINED
    assert find_backbone("timm:resnet18?random").kind is Kind.UNTRAINED
    assert {name for name, entry in BACKBONES.items() if entry.seeded} <= {
        name for name, entry in BACKBONES.items() if entry.kind is not Kind.PRETRAINED
    }
