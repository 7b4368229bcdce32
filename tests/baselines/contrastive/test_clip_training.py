"""Trainings of the objective `clip` by the common loop: what is written, resumed, refused, and what stops them."""

import json

import h5py
import numpy as np
import pytest
import torch

from baselines.contrastive.files import load_model
from clip_training import SHARED, clip, clip_settings  # noqa: F401 - a fixture
from generated_mmearth import write_mmearth
from mp_mae.cli.app import main
from mp_mae.errors import UserError
from mp_mae.training.log import read_log
from mp_mae.training.plan import make_plan, open_files
from mp_mae.training.settings import Settings, vary
from mp_mae.training.state import newest_state
from pretraining_run import after, changed, train, weights

pytestmark = pytest.mark.usefixtures("clip")
PAIRS = ["sentinel1-sentinel2", "aster-sentinel2", "aster-sentinel1"]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Twelve tiles to train on and six held out, modalities missing in some."""
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=18, side=24, held_out=6, missing=0.2)


def without(data, modality, rows=slice(None)):
    """No value of a modality in some rows of a file."""
    with h5py.File(data / f"{data.name}.h5", "r+") as file:
        values = file[modality][:]
        values[rows] = np.nan if values.dtype.kind == "f" else np.iinfo(values.dtype).min
        file[modality][...] = values


# --- what is written ---


def test_it_trains_looks_at_held_out_tiles_and_exports_what_the_backbone_loads(tiles, tmp_path):
    assert train(clip_settings(tiles, validate_every=4), tmp_path).complete
    records = read_log(tmp_path / "log.jsonl")
    assert [list(record.losses) for record in records] == [PAIRS] * 6
    assert records[0].watched["logit scale"] == pytest.approx(14.3, rel=1e-3)
    assert [record.step for record in records if record.held_out] == [4, 6]
    found = records[-1].held_out
    assert list(found) == ["recall@1", "recall@5", "recall@10", "median rank"]
    assert set(found["recall@1"]) >= {"sentinel2 to sentinel1", "sentinel1 to sentinel2", "chance"}
    assert found["recall@1"]["chance"] >= 1 / 6
    saved, trained = load_model(tmp_path / "encoder"), weights(tmp_path, 6)
    assert {f"model.{name}" for name in saved.model.state_dict()} == set(trained)
    assert all(torch.equal(tensor, trained[f"model.{name}"]) for name, tensor in saved.model.state_dict().items())
    assert saved.model.config.modalities["sentinel2"] == ("B4", "B3", "B2")
    training = saved.summary.training
    assert (training["objective"], training["steps"], training["same_place_km"]) == ("clip", 6, 3.0)
    stored = json.loads((tiles / "tiles_band_stats.json").read_text())["aster"]
    assert saved.summary.normalisation["aster"]["mean"] == pytest.approx(stored["mean"])
    assert newest_state(tmp_path / "checkpoints").build_model().model.config == saved.model.config


def test_the_command_line_takes_the_preset_and_what_replaces_coherence(tiles, tmp_path, capsys):
    out = tmp_path / "run"
    with h5py.File(tiles / "tiles.h5") as file:
        third = "coherence" if "coherence" in file else "aster"
    shared = [f"--set={key}={value}" for key, value in SHARED.items()]
    words = ["--data", str(tiles), "--out", str(out), "--preset", "clip", "--size", "demo", "--set=epochs=1"]
    assert main(["pretrain", *words, *(word for word in shared if "epochs" not in word)]) == 0
    printed = capsys.readouterr()
    assert f"Evaluate: python -m harness run --backbone clip --weights {out / 'encoder'}" in printed.out
    assert ("tiles.h5 has no coherence: aster takes its place." in printed.err) == (third == "aster")
    assert "held out, recall@1: sentinel2 to sentinel1" in printed.err
    assert set(load_model(out / "encoder").model.config.modalities) == {"sentinel2", "sentinel1", third}
    assert main(["export", str(out), str(tmp_path / "again")]) == 0
    assert "model demo (vit) of sentinel2, sentinel1" in capsys.readouterr().out
    assert load_model(tmp_path / "again").sha256 == load_model(out / "encoder").sha256
    assert main(["curves", str(out), "--out", str(tmp_path / "curves.svg")]) == 0


def test_the_preset_is_a_choice_of_data_and_of_the_objective():
    chosen = vary(Settings(data="DIR"), {"preset": "clip"}, "test")
    assert (chosen.objective, chosen.size, chosen.options.architecture) == ("clip", "base", "vit")
    assert chosen.modality_names() == ("sentinel2", "sentinel1", "coherence")
    assert chosen.input_bands(("B1",)) == ("B4", "B3", "B2")


# --- resuming ---


@pytest.mark.parametrize("steps", [2, 5])
def test_it_resumes_bit_for_bit(tiles, tmp_path, steps):
    settings = clip_settings(tiles, micro_batch=2, validate_every=2)
    train(settings, tmp_path / "whole")
    assert not train(settings, tmp_path / "parts", stop=after(steps, asks=3)).complete
    train(settings, tmp_path / "parts", resume=True)
    for file in ("model.safetensors", "optimizer.safetensors"):
        whole, parts = ((tmp_path / name / "checkpoints/step-00000006" / file) for name in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()
    logs = [read_log(tmp_path / name / "log.jsonl") for name in ("whole", "parts")]
    assert [record.losses for record in logs[0]] == [record.losses for record in logs[1]]
    assert logs[0][-1].held_out == logs[1][-1].held_out


def test_the_micro_batch_may_change_because_it_is_no_part_of_what_is_learnt(tiles, tmp_path):
    settings = clip_settings(tiles, micro_batch=4)
    train(settings, tmp_path / "whole")
    train(settings, tmp_path / "parts", stop=after(2))
    assert train(changed(settings, micro_batch=1, validate_every=1), tmp_path / "parts", resume=True).complete
    whole, parts = (read_log(tmp_path / name / "log.jsonl")[-1] for name in ("whole", "parts"))
    assert parts.total == pytest.approx(whole.total, rel=1e-3)
    with pytest.raises(UserError, match=r"differs in same_place_km \(3.0, now 5.0\)"):
        train(changed(settings, same_place_km=5.0), tmp_path / "parts", resume=True)


# --- what is refused, what is missing ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"preset": ("sentinel1",)}, "wanted two or more modalities, found sentinel1 alone. Pass --preset clip"),
        ({"preset": ("sentinel1", "biome")}, "biome is no image of numbers. Choose from sentinel2"),
        ({"size": "atto"}, "size is 'atto'; pass one of base, demo, small, full"),
        ({"architecture": "resnet"}, "architecture is 'resnet'"),
        ({"drop_channel": 1.0}, "drop_channel is 1.0; pass a chance below 1"),
        ({"scale_init": 0.5}, "scale_init is 0.5; pass 1 to 100"),
        ({"dim": 1}, "dim is 1; pass at least 2"),
        ({"batch": 1}, "batch 1: .* one has none to be compared with. Choose a larger batch"),
        ({"same_place_km": 2e4}, "same_place_km is 20000, so that no tile is a negative .* less than the 12,742 km"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(tiles, tmp_path, changes, says):
    with pytest.raises(UserError, match=says):
        train(clip_settings(tiles, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tiles_of_one_modality_each_have_nothing_to_be_compared(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    without(data, "sentinel1")
    without(data, "aster")
    with pytest.raises(UserError, match="step 1: none of the 4 tiles has values for two of the modalities sentinel2, "):
        train(clip_settings(data), tmp_path / "run")


def test_a_modality_that_no_tile_has_is_left_out_of_the_losses_and_the_others_train(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    without(data, "sentinel1")
    train(clip_settings(data, micro_batch=2), tmp_path / "run")
    records = read_log(tmp_path / "run" / "log.jsonl")
    assert all(record.losses["sentinel1-sentinel2"] is None for record in records)
    assert all(record.losses["aster-sentinel2"] > 0 for record in records)
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "run", len(records)).values())


def test_a_modality_missing_in_one_batch_gives_every_parameter_a_gradient_there_too(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    settings = clip_settings(data, micro_batch=4, epochs=1)
    plan = make_plan(settings, open_files(settings), torch.device("cpu"))
    (first, _) = plan.order.micro_batches(0, 2)
    without(data, "sentinel1", np.sort(plan.rows[first.positions]))
    train(settings, tmp_path / "run")
    records = read_log(tmp_path / "run" / "log.jsonl")
    assert records[0].losses["sentinel1-sentinel2"] is None
    assert records[1].losses["sentinel1-sentinel2"] > 0


def test_a_constant_modality_trains_and_costs_what_chance_costs(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    with h5py.File(data / "tiles.h5", "r+") as file:
        file["sentinel1"][...] = np.full_like(file["sentinel1"][:], -12.0)
    train(clip_settings(data, drop_channel=0, drop_modality=0, same_place_km=0), tmp_path / "run")
    for record in read_log(tmp_path / "run" / "log.jsonl"):
        assert record.losses["sentinel1-sentinel2"] >= np.log(4) - 1e-3


def test_where_no_tile_has_two_modalities_it_stops_in_one_line(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    without(data, "sentinel1")
    settings = clip_settings(data, preset=("sentinel2", "sentinel1"))
    with pytest.raises(UserError, match=r"step 1: none of the 4 tiles has values for two of .*sentinel2, sentinel1"):
        train(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_file_that_holds_nothing_out_is_trained_on_without_looks(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    train(clip_settings(data, epochs=1), tmp_path / "run")
    assert not any(record.held_out for record in read_log(tmp_path / "run" / "log.jsonl"))


@pytest.mark.slow
def test_it_learns_which_radar_image_belongs_to_which_optical_one(tmp_path):
    """Tiles of two hidden numbers that both modalities show: far better than chance after a minute's work."""
    data = write_mmearth(tmp_path / "tiles", n=160, side=16, held_out=32)
    train(clip_settings(data, preset=("sentinel2", "sentinel1"), batch=32, epochs=30, turn=False), tmp_path / "run")
    found = read_log(tmp_path / "run" / "log.jsonl")[-1].held_out
    assert found["recall@5"]["sentinel1 to sentinel2"] > 2 * found["recall@5"]["chance"]
    assert found["median rank"]["sentinel1 to sentinel2"] < found["median rank"]["chance"] / 2
