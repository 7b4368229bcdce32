"""Areas of interest: what is written of the simulated world, what is asked of it, and a run from end to end."""

import json
import shutil

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from harness.cli.app import app
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.demo.areas import build
from harness.demo.areas.labels import COVER_CLASSES, FRACTIONS, dominant_class, fractions
from harness.errors import UserError
from harness.records.progress import Silent
from mp_mae.data.world.areas import area_places
from mp_mae.data.world.simulate import simulate
from mp_mae.data.world.tiles import COVERS

SIZES = {"train": 48, "valid": 6, "test": 12}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """GEO-Bench's root with one small area of seed 0, by one process. Read only."""
    directory = tmp_path_factory.mktemp("areas")
    build.ensure_areas(directory, 0, Silent(), areas=["farmland"], sizes=SIZES, processes=1)
    return directory


def opened(root, name="area-farmland-cover"):
    return next(open_dataset(ref) for ref in discover(root) if ref.name == name)


def test_every_cover_is_in_one_class_and_fractions_are_per_cent_of_the_image():
    assert sorted(cover for covers in COVER_CLASSES.values() for cover in covers) == sorted(COVERS)
    cover = np.full((2, 4, 4), COVERS.index("bare ground"), np.uint8)
    cover[0, :2] = COVERS.index("cropland")
    cover[0, 2] = [COVERS.index(name) for name in ("water", "built-up", "mangrove", "grassland")]
    # Of 16 pixels 8 are cropland, 1 water, 1 built-up, 2 vegetation and 4 bare.
    assert dict(zip(FRACTIONS, fractions(cover)[0], strict=True)) == {
        "vegetation": 12.5, "built-up": 6.25, "cropland": 50.0, "permanent water": 6.25,
    }  # fmt: skip
    assert fractions(cover)[1].tolist() == [0, 0, 0, 0]
    assert [list(COVER_CLASSES)[index] for index in dominant_class(cover)] == ["cropland", "bare or frozen"]


def test_both_datasets_of_an_area_hold_the_images_of_the_world(root):
    assert sorted(ref.name for ref in discover(root)) == ["area-farmland-cover", "area-farmland-fractions"]
    cover, parts = opened(root), opened(root, "area-farmland-fractions")
    assert cover.suite == "areas"
    assert [band.name for band in cover.bands][-8:] == [
        "asc VV", "asc VH", "desc VV", "desc VH", "coherence 12 days", "coherence 24 days", "coherence 36 days",
        "coherence 48 days",
    ]  # fmt: skip
    name = cover.partition("default").test[0]
    sample = cover.read_sample(name)
    assert np.array_equal(parts.read_sample(name).pixels, sample.pixels, equal_nan=True)
    places = area_places(0, "farmland", "test", np.arange(64))
    (row,) = np.flatnonzero((places.longitude == sample.place[0]) & (places.latitude == sample.place[1]))
    tile = simulate(0, places[row : row + 1])
    assert sample.date == places.day[row].astype(object)
    assert np.array_equal(sample.pixels[:10], tile.modalities["sentinel2"][0][[0, 1, 2, 3, 4, 5, 6, 8, 7, 9]])
    radar = tile.modalities["sentinel1"][0][[0, 1, 4, 5]]
    assert np.allclose(sample.pixels[13:17], np.where(np.isfinite(radar), radar, np.nan), atol=0.02, equal_nan=True)
    assert np.allclose(sample.pixels[17:], tile.modalities["coherence"][0], atol=5e-4, equal_nan=True)
    assert sample.label == dominant_class(tile.cover)[0]
    assert np.allclose(parts.read_sample(name).label, fractions(tile.cover)[0])


def test_partitions_are_nested_and_no_image_is_in_two_splits(root):
    dataset = opened(root)
    sizes = {name: len(dataset.partition(name).train) for name in dataset.partitions()}
    assert sizes["default"] == sizes["1.00x_train"] == SIZES["train"]
    assert sizes["0.10x_train"] == 5
    assert set(dataset.partition("0.10x_train").train) < set(dataset.partition("0.50x_train").train)
    whole = dataset.partition("default")
    assert len({*whole.train, *whole.valid, *whole.test}) == sum(SIZES.values())


def test_the_same_seed_gives_the_same_bytes_and_an_interrupted_area_is_refused(root, tmp_path):
    build.ensure_areas(tmp_path, 0, Silent(), areas=["farmland"], sizes=SIZES, processes=1)
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert all(path.read_bytes() == (tmp_path / path.relative_to(root)).read_bytes() for path in files)
    with pytest.raises(UserError, match="farmland"):
        build.ensure_areas(tmp_path, 0, Silent(), areas=["farmland"], sizes={**SIZES, "train": 56}, processes=1)


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("area.json", lambda described: {**described, "format": 9}, "area.json: format 1 is wanted, 9 found"),
        ("area.json", lambda described: {**described, "size_px": [64]}, "size_px is .64."),
        (
            "area-farmland-cover/task.json",
            lambda described: {**described, "label_kind": "segmentation"},
            "a kind of labels of whole images is wanted",
        ),
        (
            "area-farmland-cover/task.json",
            lambda described: {**described, "train_sizes": {}},
            "train_sizes has no 'default'",
        ),
    ],
)
def test_damaged_descriptions_are_told_by_file_and_field(root, tmp_path, file, damage, says):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy" / "areas" / "farmland" / file
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(UserError, match=says):
        opened(tmp_path / "copy")


def test_an_array_of_another_shape_is_told_by_its_file(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    np.save(tmp_path / "copy" / "areas" / "farmland" / "test-coherence.npy", np.zeros((12, 3, 64, 64), np.float16))
    dataset = opened(tmp_path / "copy")
    with pytest.raises(UserError, match=r"farmland/test-coherence.npy: .*\(12, 4, 64, 64\) is wanted, float16"):
        dataset.read_sample(dataset.partition("default").test[0])


def test_an_area_is_evaluated_from_the_command_line_and_labelled_as_simulated(root, tmp_path):
    db = tmp_path / "leaderboard.duckdb"
    arguments = ["run", "--backbone", "image_statistics", "--geobench-dir", root, "--protocols", "few_shot"]
    arguments += [
        "--budgets",
        "20,all",
        "--shots",
        "1",
        "--select",
        "none",
        "--seeds",
        "0",
        "--db",
        db,
        "--cache-dir",
        tmp_path / "cache",
        "--workers",
        "1",
    ]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert "(simulated)" in done.output
    with duckdb.connect(str(db), read_only=True) as connection:
        rows = connection.sql("SELECT dataset, metric, n_labels_fit FROM runs WHERE suite = 'areas'").fetchall()
    assert {("area-farmland-cover", "f1_macro"), ("area-farmland-fractions", "r2")} == {row[:2] for row in rows}
    assert {20, 48} <= {row[2] for row in rows}, done.output
