"""`python -m mp_mae data import`: own images become a dataset in MMEarth's layout, value for value."""

import json
import os
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from mp_mae.cli.app import main
from mp_mae.cli.counting import Counting
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.modalities import S2_STORED, choose_modalities
from mp_mae.training.plan import make_plan, open_files
from mp_mae.visible_text import VisibleConsole
from pretraining_run import changed, tiny_settings, train
from shared_fixtures import shared_fixtures

B2, B3, B4, B8 = (S2_STORED.index(band) for band in ("B2", "B3", "B4", "B8"))
RNG = np.random.default_rng


def write_png(path: Path, pixels: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) without a 0."""
    return RNG(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)


def write_tif(path: Path, pixels: np.ndarray, names: tuple[str, ...] = (), **tags: object) -> np.ndarray:
    rasterio = pytest.importorskip("rasterio", reason="the extra `geo`")
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2], "dtype": pixels.dtype}
    transform = rasterio.transform.from_origin(0, 0, 10, 10)
    with rasterio.open(path, "w", driver="GTiff", transform=transform, **shape, **tags) as file:
        file.write(pixels)
        if names:
            file.descriptions = names
    return pixels


def import_them(folder: Path, *words: str) -> Path:
    out = folder.with_name("out")
    assert main(["data", "import", str(folder), "--out", str(out), "--processes", "1", *words]) == 0
    return out


def stored(out: Path) -> np.ndarray:
    with h5py.File(out / "out.h5") as file:
        return file["sentinel2"][:]


def read_json(out: Path, what: str) -> dict:
    return json.loads((out / f"out_{what}.json").read_text())


def test_pictures_are_cut_in_the_middle_and_keep_their_values(tmp_path, capsys):
    pixels = write_png(tmp_path / "in" / "a.png", colours(21, 38))
    write_png(tmp_path / "in" / "b" / "c.png", colours(16, 16, seed=1))
    out = import_them(tmp_path / "in", "--side", "16")
    tiles = stored(out)
    assert tiles.shape == (3, 13, 16, 16)
    assert tiles.dtype == np.uint8
    for column in (0, 1):
        cut = pixels[2:18, 3 + 16 * column : 19 + 16 * column]
        np.testing.assert_array_equal(tiles[column, [B4, B3, B2]], cut.transpose(2, 0, 1))
    assert not tiles[:, [i for i in range(13) if i not in (B2, B3, B4)]].any()
    info = read_json(out, "tile_info")
    assert list(info) == ["a.png:0_0", "a.png:0_1", "b/c.png"]
    assert (info["a.png:0_1"]["top"], info["a.png:0_1"]["left"]) == (2, 19)
    assert (info["a.png:0_1"]["class"], info["b/c.png"]["class"]) == (None, "b")
    assert "3 tiles of 16 px from 2 images, B2 B3 B4 as uint8; train 3" in capsys.readouterr().out


def test_zero_is_a_value_unless_somebody_says_otherwise(tmp_path, capsys):
    pixels = colours(16, 16)
    pixels[:4] = 0
    pixels[5, 5, 0] = 0
    write_png(tmp_path / "in" / "a.png", pixels)
    assert stored(import_them(tmp_path / "in", "--side", "16"))[0, [B4, B3, B2]].min() == 1
    assert "25% of the pixels are 0 in every band and count as data" in capsys.readouterr().out
    (tmp_path / "out").rename(tmp_path / "first")
    tiles = stored(import_them(tmp_path / "in", "--side", "16", "--no-data", "0"))
    np.testing.assert_array_equal(tiles[0, [B4, B3, B2]], pixels.transpose(2, 0, 1))
    assert "count as data" not in capsys.readouterr().out


def test_transparent_pixels_have_no_data_and_tiles_of_them_are_in_no_split(tmp_path, capsys):
    pixels = np.concatenate([colours(16, 32), np.full((16, 32, 1), 255, np.uint8)], axis=2)
    pixels[:, 16:, 3] = 0
    pixels[0, 0, 3] = 0
    write_png(tmp_path / "in" / "a.png", pixels)
    out = import_them(tmp_path / "in", "--side", "16")
    tiles = stored(out)
    assert not tiles[1].any()
    assert not tiles[0, :, 0, 0].any()
    assert tiles[0, [B2, B3, B4]].all(axis=0).sum() == 255
    assert read_json(out, "splits") == {"train": [0], "val": [], "test": []}
    assert "tiles without any data, in no split: 1" in capsys.readouterr().out


def test_grey_of_16_bits_goes_by_the_band_that_is_named(tmp_path):
    pixels = write_png(tmp_path / "in" / "a.png", RNG(0).integers(1, 65536, (16, 16)).astype(np.uint16))
    tiles = stored(import_them(tmp_path / "in", "--side", "16", "--bands", "nir"))
    assert tiles.dtype == np.uint16
    np.testing.assert_array_equal(tiles[0, B8], pixels)


def test_bands_of_a_geotiff_are_found_by_their_names_and_its_no_data_is_none(tmp_path):
    pixels = RNG(0).integers(1, 9000, (4, 16, 16)).astype(np.int16)
    pixels[:, 0, :3] = -9999
    write_tif(tmp_path / "in" / "a.tif", pixels, ("B08", "b2", "Red", "green"), nodata=-9999)
    tiles = stored(import_them(tmp_path / "in", "--side", "16"))
    assert tiles.dtype == np.int16
    assert not tiles[0, :, 0, :3].any()
    np.testing.assert_array_equal(tiles[0, [B8, B2, B4, B3]], np.where(pixels == -9999, 0, pixels))


def test_reflectance_keeps_its_digits_and_nan_is_no_data(tmp_path):
    pixels = RNG(0).random((4, 16, 16)).astype(np.float32)
    pixels[0, 3, 4], pixels[1, 3, 4], pixels[2, 3, 4] = np.nan, 0, -9999
    write_tif(tmp_path / "in" / "a.tif", pixels)
    tiles = stored(import_them(tmp_path / "in", "--side", "16", "--bands", "B4,B3,B2,none", "--no-data", "-9999"))
    assert tiles[0, [B4, B2], 3, 4].tolist() == [0, 0]
    assert 0 < tiles[0, B3, 3, 4] < 1e-30
    tiles[0, [B4, B3, B2], 3, 4] = pixels[:3, 3, 4]
    np.testing.assert_array_equal(tiles[0, [B4, B3, B2]], pixels[:3])
    assert not tiles[0, B8].any()


def test_a_geotiff_is_cut_like_a_picture(tmp_path):
    pixels = write_tif(tmp_path / "in" / "a.tif", RNG(0).integers(1, 256, (3, 40, 21)).astype(np.uint8))
    tiles = stored(import_them(tmp_path / "in", "--side", "16"))
    assert len(tiles) == 2
    np.testing.assert_array_equal(tiles[1, [B4, B3, B2]], pixels[:, 20:36, 2:18])


def test_what_cannot_be_used_is_one_line_each_and_the_others_go_on(tmp_path, capsys):
    folder = tmp_path / "in"
    for name in "abc":
        write_png(folder / f"{name}.png", colours(16, 16))
    write_png(folder / "small.png", colours(9, 16))
    write_png(folder / "grey.png", colours(16, 16)[..., 0])
    Image.fromarray(colours(16, 16)).convert("P").save(folder / "palette.png")
    Image.fromarray(colours(256, 256)).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:2000])
    (folder / "text.jpeg").write_text("hello")
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_text("not looked at")
    os.mkfifo(folder / "pipe.png")
    out = import_them(folder, "--side", "16")
    said = capsys.readouterr()
    lines = said.err.strip().splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [
        "grey.png", "palette.png", "pipe.png", "small.png", "text.jpeg", "cut.jpg"
    ]  # fmt: skip
    assert lines[0].endswith("1 channel; name the band of each: --bands B4,B3,B2,B8")
    assert lines[3].endswith("is 16 x 9 px, smaller than a tile of 16 px; take a smaller --side")
    assert "cannot be read as an image (image file is truncated" in lines[5]
    assert "images left out, each named above: 6" in said.out
    splits = read_json(out, "splits")
    assert len(splits["train"]) == 3
    assert not stored(out)[[row for row in range(len(stored(out))) if row not in splits["train"]]].any()
    assert main(["data", "verify", str(out)]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="systems of Apple keep names in UTF-8 alone")
def test_names_that_are_no_text_or_have_two_lines_are_one_line(tmp_path, capsys):
    folder = tmp_path / "in"
    good = write_png(folder / "a.png", colours(16, 16))
    shutil.copy(folder / "a.png", os.fsencode(folder) + b"/\xff.png")
    (folder / "b\nc.png").write_text("hello")
    out = import_them(folder, "--side", "16")
    assert [line.split(":")[1].strip() for line in capsys.readouterr().err.splitlines()] == [r"b\nc.png", r"\udcff.png"]
    assert (stored(out)[0, [B4, B3, B2]] == good.transpose(2, 0, 1)).all()


def test_images_of_another_type_than_most_are_left_out(tmp_path, capsys):
    for name in "ab":
        write_tif(tmp_path / "in" / f"{name}.tif", np.ones((3, 16, 16), np.uint16))
    write_png(tmp_path / "in" / "c.png", colours(16, 16))
    import_them(tmp_path / "in", "--side", "16")
    said = capsys.readouterr()
    assert "c.png: is B2+B3+B4 as uint8, most images are B2+B3+B4 as uint16; import them by themselves" in said.err
    assert "from 2 images" in said.out


def test_images_are_held_out_by_their_names_and_statistics_are_of_the_others(tmp_path, capsys):
    folder = tmp_path / "in"
    for i in range(8):
        write_png(folder / f"{'xy'[i % 2]}" / f"{i}.png", np.full((16, 32, 3), 10 * (i + 1), np.uint8))
    out = import_them(folder, "--side", "16", "--held-out", "0.25")
    splits = read_json(out, "splits")
    assert (len(splits["train"]), len(splits["val"])) == (12, 4)
    info = list(read_json(out, "tile_info").values())
    files = {split: {info[row]["file"] for row in rows} for split, rows in splits.items()}
    assert not files["train"] & files["val"]
    mean = np.mean([stored(out)[row, B2] for row in splits["train"]])
    assert read_json(out, "band_stats")["sentinel2_l2a"]["mean"][B2] == pytest.approx(mean)
    assert f"2 folders of images, as many classes to a probe: pretrain --probe {out}" in capsys.readouterr().out


def test_a_long_name_becomes_an_id_that_fits(tmp_path):
    write_png(tmp_path / "in" / ("ä" * 60) / f"{'b' * 90}.png", colours(16, 32))
    out = import_them(tmp_path / "in", "--side", "16")
    ids = list(read_json(out, "tile_info"))
    assert len(set(ids)) == 2
    with h5py.File(out / "out.h5") as file:
        assert [record[0].decode() for record in file["metadata"][:]] == ids


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--side", "8"], "--side 8: wanted 16 to 512 pixels."),
        (["--held-out", "1"], "--held-out 1.0: wanted a share from 0 to below 1"),
        (["--bands", "B4,B3,B99"], "--bands B4,B3,B99: B99 is no band. Name each channel of a file in its order: B1,"),
        (["--bands", "B4,red"], "a band is named twice"),
        (["--bands", "none,none"], "no band named"),
        (
            ["--bands", "B4,B3", "--side", "16"],
            "none of 1 images can be used. The first: has 3 channels; --bands names 2",
        ),
        (["--side", "32"], "none of 1 images can be used. The first: is 16 x 16 px, smaller than a tile of 32 px"),
        (["--no-data", "nan"], "--no-data nan: wanted a number. NaN and infinity are no data anyway."),
        (["--processes", "0"], "--processes 0: wanted at least one."),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(tmp_path, capsys, words, says):
    write_png(tmp_path / "in" / "a.png", colours(16, 16))
    assert (
        main(["data", "import", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--processes", "1", *words]) == 2
    )
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_that_cannot_be_read_is_named_and_not_left_out(tmp_path, capsys, unreadable):
    for name in ("a", "locked"):
        write_png(tmp_path / "images" / name / "1.png", colours(64, 64))
    unreadable(tmp_path / "images" / "locked")
    assert main(["data", "import", str(tmp_path / "images"), "--out", str(tmp_path / "out")]) == 2
    assert "locked: cannot be read (Permission denied). Make it readable" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folders_that_do_not_fit_are_refused(tmp_path, capsys):
    command = ["data", "import", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jp2").touch()
    assert main(command) == 2
    assert "wanted images (.jpg, .jpeg, .png, .tif, .tiff), found .jp2 (1)" in capsys.readouterr().err
    write_png(tmp_path / "in" / "a.png", colours(64, 64))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").touch()
    assert main(command) == 2
    assert "is there already; wanted a new folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


def test_without_rasterio_geotiff_files_say_what_installs_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mp_mae.data.own.images.find_spec", lambda name: None)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.TIF").touch()
    assert main(["data", "import", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 2
    assert "Run: pip install rasterio" in capsys.readouterr().err


def test_in_a_log_a_line_now_and_then_has_the_time_left(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 50.0, 51.0])
    monkeypatch.setattr("mp_mae.cli.counting.time.monotonic", lambda: next(clock))
    with Counting(VisibleConsole(stderr=True)) as counting:
        for done in (0, 1000, 1001):
            counting.report("tiles", done, 3000)
    assert capsys.readouterr().err == "tiles: 1,000 of 3,000, 0:01:20 left\n"


def test_the_reader_of_trainings_gives_the_values_back_standardised(tmp_path):
    pixels = write_png(tmp_path / "in" / "a.png", colours(16, 16)).astype(np.float32)
    files = open_mmearth(import_them(tmp_path / "in", "--side", "16"), choose_modalities(["sentinel2"]), ("B4", "B2"))
    loader = Loader(files, capacity=1, crop=16, device=torch.device("cpu"))
    (batch,) = loader.batches(evaluation_requests(files, files.rows("train"), 1, crop=16))
    for channel, colour in ((0, 0), (1, 2)):
        wanted = (pixels[..., colour] - pixels[..., colour].mean()) / pixels[..., colour].std()
        np.testing.assert_allclose(batch.input[0, channel], wanted, rtol=1e-4, atol=1e-5)


def test_bands_that_no_image_has_are_named_before_a_training(tmp_path):
    write_png(tmp_path / "in" / "a.png", colours(16, 16))
    out = import_them(tmp_path / "in", "--side", "16")
    settings = tiny_settings(out, preset="s2", bands=("B2", "B3", "B4", "B11", "B12"))
    plan = make_plan(changed(settings, batch=1), open_files(settings), torch.device("cpu"))
    told = "out.h5 has no values of B11, B12, which are read as 0. Without them: --set bands=B2,B3,B4"
    assert plan.notices == (told,)


def test_a_training_runs_on_them(tmp_path):
    for i in range(12):
        ramp = np.linspace(0, 60 + i, 16)[:, None, None] + RNG(i).integers(20, 150, 3)
        write_png(tmp_path / "in" / f"{i}.png", np.broadcast_to(ramp, (16, 16, 3)).astype(np.uint8))
    out = import_them(tmp_path / "in", "--side", "16", "--held-out", "0")
    assert train(tiny_settings(out, preset="rgb", size="demo"), tmp_path / "run").complete
    config = json.loads((tmp_path / "run" / "encoder" / "config.json").read_text())
    assert config["bands"] == ["B2", "B3", "B4"]


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path):
    for i in range(80):
        write_png(tmp_path / "in" / f"{i}.png", colours(32, 32, seed=i))
    for n in ("1", "3"):
        command = ["data", "import", str(tmp_path / "in"), "--out", str(tmp_path / n / "out"), "--side", "16"]
        assert main([*command, "--processes", n]) == 0
    names = [path.name for path in sorted((tmp_path / "1" / "out").iterdir())]
    for name in names:
        assert (tmp_path / "1" / "out" / name).read_bytes() == (tmp_path / "3" / "out" / name).read_bytes()


def test_eurosat_is_imported_and_trained_on(tmp_path):
    for name in ("Forest", "River"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for path in sorted(shared_fixtures("eurosat_rgb", name).iterdir())[:8]:
            shutil.copyfile(path, tmp_path / "in" / name / path.name)
    out = import_them(tmp_path / "in")
    files = open_mmearth(out, choose_modalities(["sentinel2"]), ("B2", "B3", "B4"))
    assert (files.n_tiles, files.side, len(files.rows("val"))) == (16, 64, 1)
    assert train(tiny_settings(out, preset="rgb", crop=56, size="demo", epochs=1), tmp_path / "run").complete
