import json
import shutil

import h5py
import numpy as np
import pytest
import tiny_mmearth

from mp_mae.data.files import find_files, open_mmearth
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS, choose_modalities
from shared_fixtures import copy_files

ALL = choose_modalities(PRESETS["all"])


@pytest.fixture
def columns():
    return tiny_mmearth.random_columns(6, 8)


def refused(folder, message, modalities=ALL, **wishes):
    """The one line with which opening is refused."""
    with pytest.raises(UserError, match=message) as caught:
        open_mmearth(folder, modalities, **wishes)
    assert "\n" not in str(caught.value)


def test_each_layout_opens_with_all_modalities(tiles):
    files = open_mmearth(tiles, ALL)
    splits = json.loads((tiles / f"{tiles.name}_splits.json").read_text())
    assert files.n_tiles == sum(map(len, splits.values())) in (9, 10)
    assert (files.side, files.left_out) == (64, ())
    assert {name: rows.tolist() for name, rows in files.splits.items()} == splits
    assert [modality.name for modality in files.modalities] == list(PRESETS["all"])


def test_statistics_are_those_of_the_bands_in_use_by_name(tiles):
    stats = json.loads((tiles / f"{tiles.name}_band_stats.json").read_text())
    statistics = open_mmearth(tiles, ALL, bands=("B8", "B8A", "B2")).statistics
    for row, level in enumerate(("l1c", "l2a")):
        for what in ("mean", "std"):
            wanted = [stats[f"sentinel2_{level}"][what][place] for place in (8, 7, 1)]
            np.testing.assert_allclose(getattr(statistics["sentinel2"], what)[row], wanted, rtol=1e-6)
    np.testing.assert_allclose(statistics["lat"].std, [stats["lat"]["std"]], rtol=1e-6)
    assert "biome" not in statistics


def test_the_input_needs_sentinel2_even_where_it_is_not_predicted(sparse_tiles, tmp_path, columns):
    files = open_mmearth(sparse_tiles, choose_modalities(["biome"]), bands=("B4",))
    assert [column.name for column in files.columns] == ["sentinel2", "biome", "metadata"]
    assert files.input.bands == ("B4",)
    del columns["sentinel2"]
    refused(tiny_mmearth.write(tmp_path / "d", columns), "no dataset sentinel2", choose_modalities(["biome"]))


def test_sentinel2_is_predicted_in_the_bands_that_are_read(sparse_tiles):
    files = open_mmearth(sparse_tiles, ALL, bands=("B2", "B3", "B4"))
    assert files.modalities[0].bands == ("B2", "B3", "B4")


def test_the_single_h5_file_of_a_folder_of_another_name_is_found(plain_tiles, tmp_path):
    shutil.copytree(plain_tiles, tmp_path / "copy")
    assert find_files(tmp_path / "copy").name == "plain_tiles"
    (tmp_path / "copy" / "other.h5").touch()
    refused(tmp_path / "copy", r"wanted copy.h5 or a single .h5 file; found other.h5, plain_tiles.h5")


def test_missing_files_are_named(tmp_path, columns):
    refused(tmp_path / "nowhere", "nowhere: no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "single .h5 file; found none")
    folder = tiny_mmearth.write(tmp_path / "d", columns)
    (folder / "d_splits.json").rename(tmp_path / "splits")
    refused(folder, r"d_splits.json: is missing")
    (tmp_path / "splits").rename(folder / "d_splits.json")
    (folder / "d_band_stats.json").unlink()
    refused(folder, r"d_band_stats.json: is missing")


def test_a_missing_modality_is_named_and_left_out_only_if_allowed(tmp_path, columns):
    del columns["aster"], columns["biome"]
    folder = tiny_mmearth.write(tmp_path / "d", columns)
    refused(folder, r"no dataset aster, biome; there are .*sentinel2")
    files = open_mmearth(folder, ALL, allow_missing=True)
    assert files.left_out == ("aster", "biome")
    assert len(files.modalities) == 10
    refused(folder, "none of the modalities", choose_modalities(["aster"]), allow_missing=True)


def test_unequal_lengths_are_named(tmp_path, columns):
    columns["era5"] = columns["era5"][:4]
    refused(tiny_mmearth.write(tmp_path / "d", columns), r"era5 has 4 rows and sentinel2 6")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_a_truncated_file_is_refused_when_opened(tmp_path, tiles, kept):
    folder = copy_files(tiles, tmp_path / tiles.name)
    path = folder / f"{tiles.name}.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(folder, "truncated")


@pytest.mark.parametrize("bands", [("B2", "B99"), (), ("B2", "B2")], ids=str)
def test_bands_must_be_known_and_different(sparse_tiles, bands):
    refused(sparse_tiles, r"Sentinel-2 input: .*Choose each once from B1, B2", bands=bands)


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": [0, 6]}, "split train lists row 6, but the dataset has rows 0 to 5"),
        ({"train": [0], "val": [-1]}, "split val lists row -1"),
        ({"train": [0, 1.0]}, r"split train wants row numbers \(integers\); found 1.0"),
        ({"train": ["0"]}, "split train wants row numbers"),
        ({"train": [True, False]}, "split train wants row numbers"),
        ({"train": [[0], [1]]}, "split train wants row numbers"),
        ({"train": [[0], [1, 2]]}, "split train wants row numbers"),
        ({"train": [2**70]}, "split train lists row 1180591620717411303424"),
        ({"train": 3}, "wanted lists of row numbers"),
        ([0, 1], "wanted lists of row numbers"),
    ],
    ids=str,
)
def test_splits_must_be_rows_of_the_file(tmp_path, columns, splits, message):
    refused(tiny_mmearth.write(tmp_path / "d", columns, splits=splits), message)


def test_a_split_without_tiles_is_refused_when_asked_for(plain_tiles):
    files = open_mmearth(plain_tiles, ALL)
    assert len(files.rows("train")) == 10
    for split in ("val", "validation"):
        with pytest.raises(UserError, match=rf"no tiles in split '{split}'; there are train \(10 tiles\), val \(0"):
            files.rows(split)


def test_json_that_is_cut_off_is_named(tmp_path, columns):
    folder = tiny_mmearth.write(tmp_path / "d", columns)
    (folder / "d_splits.json").write_text('{"train": [0, 1')
    refused(folder, r"d_splits.json: is not JSON")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_std_that_cannot_standardise_is_refused_with_modality_and_band(tmp_path, columns, value):
    stats = tiny_mmearth.band_stats()
    stats["sentinel2_l1c"]["std"][10] = value  # B10
    folder = tiny_mmearth.write(tmp_path / "d", columns, stats=stats)
    open_mmearth(folder, ALL)
    refused(folder, r"sentinel2_l1c.std of band B10 is .*; wanted a positive number", bands=("B2", "B10"))


def test_a_mean_may_be_negative_but_must_be_finite(tmp_path, columns):
    stats = tiny_mmearth.band_stats()
    stats["sentinel1"]["mean"][5] = float("nan")
    folder = tiny_mmearth.write(tmp_path / "d", columns, stats=stats)
    refused(folder, r"sentinel1.mean of band desc VH is nan; wanted a finite number")
    open_mmearth(folder, choose_modalities(["aster"]))


@pytest.mark.parametrize(
    "entry", [None, {}, {"mean": [0] * 12, "std": [1] * 12}, {"mean": ["a"] * 13, "std": [1] * 13}], ids=str
)
def test_incomplete_statistics_are_refused(tmp_path, columns, entry):
    stats = {**tiny_mmearth.band_stats(), "sentinel2_l2a": entry}
    refused(
        tiny_mmearth.write(tmp_path / "d", columns, stats=stats), r"wanted sentinel2_l2a.mean, a list of 13 numbers"
    )


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("sentinel2", np.ones((6, 12, 8, 8), "u2"), r"a row of sentinel2 has shape \(12, 8, 8\); wanted \(13, 8, 8\)"),
        ("sentinel2", np.ones((6, 13, 8, 4), "u2"), r"a row of sentinel2 has shape \(13, 8, 4\); wanted \(13, 4, 4\)"),
        ("aster", np.ones((6, 2, 4, 4), "i2"), r"a row of aster has shape \(2, 4, 4\); wanted \(2, 8, 8\)"),
        ("era5", np.ones((6, 11), "f4"), r"a row of era5 has shape \(11,\); wanted \(12,\)"),
        ("biome", np.ones((6, 1), "u1"), r"a row of biome has shape \(1,\); wanted \(14,\) \(one-hot over 14 classes"),
        ("dynamic_world", np.ones((6, 1, 8, 8), "f4"), "dynamic_world is stored as float32; wanted integers"),
        ("lat", np.full((6, 2), b"x"), r"lat is stored as \|S1; wanted numbers"),
        ("metadata", np.ones(6), r"metadata is float64; wanted one record of tile id and S2_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_shapes_and_types_must_be_those_of_the_table(tmp_path, columns, name, values, message):
    refused(tiny_mmearth.write(tmp_path / "d", {**columns, name: values}), message)


def test_a_file_that_is_not_hdf5_is_refused(tmp_path):
    (tmp_path / "d.h5").write_bytes(b"hello")
    refused(tmp_path, r"d.h5 cannot be opened as HDF5")


def test_groups_beside_the_datasets_do_no_harm(tmp_path, columns):
    folder = tiny_mmearth.write(tmp_path / "d", columns)
    with h5py.File(folder / "d.h5", "a") as file:
        file.create_group("extra")["x"] = 1
    open_mmearth(folder, ALL)
