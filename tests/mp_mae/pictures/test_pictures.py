"""Pictures: the arrays they show are right, every modality is on the sheet, and errors come before the work."""

import re

import numpy as np
import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.cli import app as cli
from mp_mae.cli import verb
from mp_mae.errors import UserError
from mp_mae.losses.rules import normalise_patches
from mp_mae.modalities import MMEARTH, Kind
from mp_mae.patches import gather_patches, patches_to_images
from mp_mae.pictures.reconstruction import denormalise_patches, load_trained, reconstruct_tiles
from mp_mae.training.log import StepRecord
from pretraining_run import tiny_settings, train

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=8, side=24, held_out=2, missing=0.5)


@pytest.fixture(scope="module")
def run(tiles, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "all"
    train(tiny_settings(tiles, crop=24), out)
    return out


@pytest.fixture(scope="module")
def shown(run, tiles):
    return reconstruct_tiles(load_trained(run), tiles, rows=None, tiles=9, seed=0)


def test_normalised_patches_come_back_in_the_units_of_their_targets():
    target = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0)) * 5 + 2
    target[0, :, :8, :8] = float("nan")  # a patch without one value
    target[1, 0, 3, 4] = float("nan")
    every = torch.arange(6).expand(2, -1)
    perfect = patches_to_images(normalise_patches(gather_patches(target, every, 8)), 3)
    torch.testing.assert_close(denormalise_patches(perfect, target, 8), target, equal_nan=True, rtol=1e-5, atol=1e-5)


def test_tiles_are_those_of_the_validation_split_with_every_task(shown):
    assert [tile.row for tile in shown] == [6, 7]
    assert {task.name for task in shown[0].tasks} == set(MMEARTH)
    for tile in shown:
        for task in tile.tasks:
            target, prediction = tile.targets[task.name], tile.predictions[task.name]
            assert prediction.shape == ((task.n_outputs, *target.shape) if task.kind.is_class else target.shape)


def test_what_was_seen_is_the_input_and_what_was_removed_is_predicted(shown):
    for tile in shown:
        assert tile.removed.mean() == pytest.approx(5 / 9)  # 4 of 9 patches are kept
        target, prediction = tile.targets["sentinel2"], tile.predictions["sentinel2"]
        np.testing.assert_array_equal(prediction[:, ~tile.removed], target[:, ~tile.removed])
        assert (prediction[:, tile.removed] != target[:, tile.removed]).all()


def test_rows_of_the_file_can_be_chosen_and_must_be_there(run, tiles):
    chosen = reconstruct_tiles(load_trained(run), tiles, rows=(5, 0), tiles=4, seed=0)
    assert [tile.row for tile in chosen] == [5, 0]
    with pytest.raises(UserError, match=re.escape("there is no row 8; rows are 0 to 7")):
        reconstruct_tiles(load_trained(run), tiles, rows=(8,), tiles=4, seed=0)


def test_masks_of_a_sheet_depend_on_its_seed(run, tiles):
    one, other = (reconstruct_tiles(load_trained(run), tiles, rows=(0,), tiles=1, seed=seed)[0] for seed in (0, 1))
    assert (one.removed != other.removed).any()


def test_an_official_checkpoint_can_be_shown(official_files, tmp_path):
    tiles = write_mmearth(tmp_path / "tiles", n=2, side=64)
    (tile,) = reconstruct_tiles(load_trained(official_files["56_8"]), tiles, rows=(0,), tiles=1, seed=0)
    assert tile.pixels.shape == (12, 56, 56)
    assert np.isfinite(tile.predictions["sentinel2"]).all()


def test_an_exported_encoder_is_refused_because_it_has_no_decoder(run):
    with pytest.raises(UserError, match=r"an exported encoder has no decoder, which draws\. Pass .*: --run "):
        load_trained(run / "encoder")
    with pytest.raises(UserError, match="an exported encoder has no decoder"):
        load_trained(run / "encoder" / "model.safetensors")


def test_the_sheet_has_input_mask_and_every_modality_of_every_tile(shown):
    pictures = pytest.importorskip("mp_mae.pictures.sheet", reason="needs matplotlib (the extra `plots`)")
    figure = pictures.draw_sheet(shown)
    titles = [axis.get_title() for axis in figure.axes]
    n_pixel = sum(modality.kind.is_pixel for modality in MMEARTH.values())
    assert titles.count("predicted") == n_pixel * len(shown)
    assert titles.count("sentinel2 RGB, the input") == titles.count("seen (44%)") == len(shown)
    assert sum("input" in title for title in titles) == len(shown)
    assert [block.get_suptitle()[:10] for block in figure.subfigs] == ["tile tile6", "tile tile7"]
    scales = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert len(scales) == (n_pixel - 1) * len(shown)  # Sentinel-2 is shown in its own colours
    for name in MMEARTH:
        assert sum(title.split(" ")[0].rstrip(":") == name for title in titles) == len(shown), name
    bars = next(axis for axis in figure.axes if axis.get_title() == "era5")
    assert len(bars.patches) == 2 * len(MMEARTH["era5"].bands)
    assert MMEARTH["era5"].kind is Kind.IMAGE_REGRESSION


def test_curves_have_steps_validation_and_the_loss_of_a_constant_prediction():
    pictures = pytest.importorskip("mp_mae.pictures.curves", reason="needs matplotlib (the extra `plots`)")
    records = [
        StepRecord(
            step=step, epoch=0, rate=0.1, total=3, losses={"sentinel2": 0.5, "dynamic_world": 2.0, "match": 4.0},
            gradient_norm=1, images_per_second=9, waiting=0, memory_mb=1,
            held_out={"loss": {"sentinel2": 0.7}, "recall": {"all": 0.2}} if step == 20 else {},
        )
        for step in (10, 20)
    ]  # fmt: skip
    axes = {axis.get_title(): axis for axis in pictures.build_curves(records).axes}
    assert {axis.get_xlabel() for axis in axes.values()} == {"step"}
    *_, validation, constant = axes["sentinel2 loss"].lines
    assert validation.get_xydata().tolist() == [[20, 0.7]]
    assert list(constant.get_ydata()) == [1, 1]  # standardised numbers
    assert axes["dynamic_world loss"].lines[-1].get_ydata()[0] == pytest.approx(np.log(9))
    assert len(axes["match loss"].lines) == 2  # of no modality: nobody knows
    assert axes["recall, all"].lines[0].get_xydata().tolist() == [[20, 0.2]]


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_sheet_and_curves_are_written(run, tiles, tmp_path, suffix):
    pytest.importorskip("matplotlib", reason="the extra `plots`")
    sheet, curves = tmp_path / f"sheet.{suffix}", tmp_path / f"curves.{suffix}"
    command = ["reconstruct", "--run", str(run), "--data", str(tiles), "--tiles", "1", "--out", str(sheet)]
    assert cli.main(command) == 0
    assert cli.main(["curves", str(run), "--out", str(curves)]) == 0
    for picture in (sheet, curves):
        assert picture.read_bytes().startswith(PNG if suffix == "png" else b"%PDF")


def test_without_matplotlib_the_extra_is_named(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(verb, "find_spec", lambda name: None)
    assert cli.main(["curves", str(run), "--out", str(tmp_path / "curves.png")]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["curves", "RUN", "--out", "curves.jpeg"], "wanted a picture called .png, .pdf or .svg"),
        (["curves", "RUN", "--out", "nowhere/curves.png"], "there is no folder nowhere"),
        (["curves", "elsewhere", "--out", "curves.png"], "log.jsonl: cannot read the log"),
        (
            ["reconstruct", "--run", "RUN", "--data", "D", "--rows", "1,x", "--out", "s.png"],
            "--rows 1,x: wanted numbers",
        ),
        (["reconstruct", "--run", "RUN", "--data", "nowhere", "--out", "s.png"], "nowhere: no such folder"),
        (
            ["reconstruct", "--weights", "RUN", "--data", "D", "--tiles", "0", "--out", "s.png"],
            "--tiles 0: pass at least 1",
        ),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_in_one_line(run, tiles, capsys, words, says):
    pytest.importorskip("matplotlib", reason="the extra `plots`")
    assert cli.main([{"RUN": str(run), "D": str(tiles)}.get(word, word) for word in words]) == 2
    printed = capsys.readouterr().err
    assert says in printed
    assert printed.count("\n") == 1
