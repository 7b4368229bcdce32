"""Training: what a step depends on, what is written, and what stops it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.checkpoint import build_from_checkpoint, load_checkpoint
from mp_mae.errors import NonFiniteLossError, UserError
from mp_mae.modalities import MODALITIES
from mp_mae.model import MPMAE
from mp_mae.training.export import find_state
from mp_mae.training.log import read_log
from mp_mae.training.plan import _notices, bytes_read, make_plan, open_files
from mp_mae.training.processes.batches import effective_batch, largest_divisor
from mp_mae.training.setup import build_model
from mp_mae.training.step import step_draws
from pretraining_run import after, tiny_settings, train, weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Twelve tiles, every modality missing in some of them."""
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=12, side=16, missing=0.3)


@pytest.fixture(scope="module")
def optical_run(tiles, tmp_path_factory):
    """Six steps with Sentinel-2 alone, and where they were written."""
    out = tmp_path_factory.mktemp("runs") / "optical"
    settings = tiny_settings(tiles, preset=("s2",), save_every=2, keep=2)
    return settings, out, train(settings, out)


def plan_of(settings, *, processes=1, rank=0):
    return make_plan(settings, open_files(settings), CPU, processes=processes, rank=rank)


# --- what a step depends on ---


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("micro_batch", [1, 2])
def test_masks_of_a_step_do_not_depend_on_processes_and_micro_batches(tiles, processes, micro_batch):
    settings = tiny_settings(tiles, batch=8, micro_batch=8)
    model = build_model(plan_of(settings))
    (whole,) = step_draws(plan_of(settings), model, 3)
    smaller = replace(settings, micro_batch=micro_batch)
    parts = [
        drawn
        for rank in range(processes)
        for drawn in step_draws(plan_of(smaller, processes=processes, rank=rank), model, 3)
    ]
    assert {len(drawn) for drawn in parts} == {micro_batch}
    assert torch.equal(torch.cat(parts), whole)


def test_masks_differ_between_steps_and_between_seeds(tiles):
    settings = tiny_settings(tiles, batch=12)
    plan = plan_of(settings)
    model = build_model(plan)

    def visible(plan, step):
        (drawn,) = step_draws(plan, model, step)
        return model.inputs(torch.empty(12, 12, 16, 16), {}, drawn)[2].visible

    assert torch.equal(visible(plan, 0), visible(plan, 0))
    assert not torch.equal(visible(plan, 0), visible(plan, 1))
    assert not torch.equal(visible(plan, 0), visible(plan_of(replace(settings, seed=1)), 0))


def test_accumulating_micro_batches_gives_the_gradient_of_the_whole_batch(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)  # nothing missing: equal numbers of values everywhere
    settings = tiny_settings(data, preset=("s2", "biome"), batch=8, epochs=2, warmup_epochs=0)
    for micro_batch in (8, 2):
        train(replace(settings, micro_batch=micro_batch), tmp_path / str(micro_batch))
    whole, parts = (read_log(tmp_path / str(micro_batch) / "log.jsonl") for micro_batch in (8, 2))
    for one, other in zip(whole, parts, strict=True):
        assert other.losses == pytest.approx(one.losses, rel=1e-5)
        assert other.gradient_norm == pytest.approx(one.gradient_norm, rel=1e-4)


def test_initial_weights_depend_on_the_seed_and_leave_the_generator_alone(tiles):
    settings = tiny_settings(tiles)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (build_model(plan_of(replace(settings, seed=seed))).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["tokens.proj.weight"], other["tokens.proj.weight"])
    assert torch.equal(torch.get_rng_state(), before)


# --- sizes ---


@pytest.mark.parametrize(
    ("n", "processes", "micro_batch", "wanted"),
    [
        (5000, 1, None, 4096),  # large enough
        (50, 1, None, 50),  # all of it
        (51, 2, None, 50),  # the same for both
        (3001, 1, None, 3000),  # 50 x 60: 3001 is a prime
        (100, 1, 32, 96),  # whole micro-batches
        (5000, 3, None, 4095),  # 3 x 1365, in micro-batches of 39
        (5000, 5, None, 4095),
        (5000, 6, None, 4092),
        (5000, 7, None, 4095),
        (5000, 12, None, 4080),  # 12 x 340, in micro-batches of 34: of 341 no more than 31 go at once
        (5000, 24, None, 4080),
    ],
)
def test_effective_batch_is_limited_to_what_the_split_allows(n, processes, micro_batch, wanted):
    assert effective_batch(tiny_settings("DIR", batch=4096, micro_batch=micro_batch), n, processes) == wanted


def test_micro_batch_is_the_largest_divisor_that_fits():
    assert largest_divisor(4096, 1000) == 512
    assert largest_divisor(3000, 64) == 60
    assert largest_divisor(7, 64) == 7


def test_the_user_is_told_when_the_batch_is_limited_and_tiles_are_left_out(tiles):
    assert plan_of(tiny_settings(tiles, batch=4)).notices == ()
    limited = plan_of(tiny_settings(tiles, batch=4096)).notices
    assert "12 tiles: the effective batch is 12 instead of 4096" in limited[0]
    assert "leaves out 2 of 12 tiles" in plan_of(tiny_settings(tiles, batch=5)).notices[0]


@pytest.mark.parametrize("processes", [3, 5, 6, 7, 12, 24])
def test_any_number_of_processes_divides_the_default_batch_and_the_user_is_told(processes, tmp_path):
    files = open_files(tiny_settings(write_mmearth(tmp_path / "tiles", n=16, side=16), preset=("lat",)))
    many = replace(files, splits={"train": np.arange(5000)})
    settings = tiny_settings("DIR", preset=("lat",), batch=4096)
    plan = make_plan(settings, many, CPU, processes=processes, rank=processes - 1)
    assert plan.order.global_batch % processes == 0
    assert plan.order.micro_batch >= 31
    assert f"batch cannot be divided over {processes} processes: the effective batch is" in plan.notices[0]


def test_tiles_that_wait_in_memory_are_told(tmp_path):
    files = open_files(tiny_settings(write_mmearth(tmp_path / "tiles", n=16, side=16)))
    many = replace(files, splits={"train": np.arange(5000)})
    plan = make_plan(tiny_settings("DIR", batch=4096), many, CPU)
    # 12 bands twice, 8 of radar, elevation and slope, height and its spread, two classes of 8 bytes
    assert bytes_read(plan.request, 16) == (4 * (12 + 12 + 8 + 2 + 2) + 2 * 8) * 16 * 16
    assert not any("wait in memory" in text for text in plan.notices)
    large = replace(plan, crop=56)
    assert any("4096 tiles of a process in each step wait in memory" in text for text in _notices(large))


def test_a_batch_without_divisors_is_told(tmp_path):
    files = open_files(tiny_settings(write_mmearth(tmp_path / "tiles", n=16, side=16), preset=("lat",)))
    many = replace(files, splits={"train": np.arange(5000)})
    plan = make_plan(tiny_settings("DIR", preset=("lat",), batch=4093), many, CPU)
    assert (plan.order.global_batch, plan.order.micro_batch) == (4093, 1)
    assert "4093 tiles of a process in each step have no divisor between 1 and 64" in plan.notices[0]
    assert "--batch 4092" in plan.notices[0]  # 62 x 66


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mask_ratio": 0.9}, "keeps none of 4 patches"),
        ({"mask_ratio": 1.0}, "The mask ratio is 1.0"),
        ({"crop": 12}, "crop of 12 px is not a multiple of the 8 px patch. Pass --set crop=16"),
        ({"crop": 24}, "A crop of 24 px does not fit tiles of 16 px"),
        ({"crop": None}, "Pass the crop's side in pixels"),
        ({"patch": None}, "Pass --set patch=8"),
        ({"batch": 4, "micro_batch": 3}, "not a multiple of 3"),
        ({"bands": ("B2", "B99")}, "unknown band B99"),
        ({"mask_ratio": 0.0}, "mask_ratio 0 removes none of 4 patches, and sentinel2, .* Pass a larger ratio"),
        ({"mask_ratio": 1e-17, "preset": ("biome", "s2")}, "removes none of 4 patches, and sentinel2 can be predicted"),
        ({"batch": 12, "epochs": 1, "warmup_epochs": 1}, "the only step .* Pass --set warmup_epochs=0, or more epochs"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused_before_anything_is_written(tiles, tmp_path, changes, says):
    with pytest.raises(UserError, match=says):
        train(tiny_settings(tiles, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- what is written ---


def test_the_last_checkpoints_stay_and_the_log_has_every_step(optical_run):
    settings, out, finished = optical_run
    assert finished.complete
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-00000004", "step-00000006"]
    records = read_log(out / "log.jsonl")
    assert [record.step for record in records] == [1, 2, 3, 4, 5, 6]
    plan = plan_of(settings)
    assert [record.rate for record in records] == [plan.rate(step) for step in range(6)]
    assert records[0].rate == 0 < records[1].rate


def test_the_exported_encoder_is_the_trained_one_and_says_how_it_came_to_be(optical_run):
    settings, out, _ = optical_run
    checkpoint = load_checkpoint(out / "encoder")
    trained = weights(out, 6)
    built = build_from_checkpoint(checkpoint).state_dict()
    assert all(torch.equal(built[name], trained[f"encoder.{name}"]) for name in built)
    assert not torch.equal(built["stem.conv.weight"], build_model(plan_of(settings)).encoder.stem.conv.weight)
    summary = checkpoint.summary
    assert summary.modalities["outputs"] == {"sentinel2": list(checkpoint.encoder.bands)}
    assert (summary.training["steps"], summary.training["effective_batch"]) == (6, 4)
    stored = json.loads((out.parent.parent / settings.data / "tiles_band_stats.json").read_text())["sentinel2_l1c"]
    written = summary.normalisation["sentinel2"]
    positions = [MODALITIES["sentinel2"].stored.index(band) for band in written["bands"]]
    np.testing.assert_allclose(written["l1c"]["mean"], np.array(stored["mean"])[positions], rtol=1e-6)
    np.testing.assert_allclose(written["l2a"]["std"], np.array(stored["std"])[positions], rtol=1e-6)


def test_images_alone_are_learnt_without_a_mask(tiles, tmp_path):
    settings = tiny_settings(tiles, preset=("lat",), mask_ratio=0.0)
    train(settings, tmp_path / "run")
    before, after_it = build_model(plan_of(settings)).state_dict(), weights(tmp_path / "run", 6)
    kernels = [name for name in before if name.endswith("conv_dw.weight")]
    assert all((before[name] != after_it[name]).any() for name in kernels)


@pytest.fixture
def hardly_labelled(tmp_path):
    """Four tiles with Sentinel-2 and nothing else."""
    data = write_mmearth(tmp_path / "tiles", n=4, side=16, missing=1.0 - 1e-9)
    stats = json.loads((data / "tiles_band_stats.json").read_text())
    fixed = {
        key: {"mean": [0.0] * len(entry["mean"]), "std": [1.0] * len(entry["std"])} for key, entry in stats.items()
    }
    (data / "tiles_band_stats.json").write_text(json.dumps(fixed))
    return data


def test_a_task_without_one_target_is_logged_as_such(hardly_labelled, tmp_path):
    train(tiny_settings(hardly_labelled, preset=("biome", "s2")), tmp_path / "run")
    last = read_log(tmp_path / "run" / "log.jsonl")[-1]
    assert last.losses["biome"] is None
    assert last.losses["sentinel2"] is not None


def test_a_training_without_one_target_is_refused_at_its_first_step(hardly_labelled, tmp_path):
    says = "none of the 4 tiles has a value for any of the modalities biome, esa_worldcover, so nothing can be learnt"
    with pytest.raises(UserError, match=f"step 1: {says}. Choose others, or a larger batch."):
        train(tiny_settings(hardly_labelled, preset=("biome", "esa_worldcover")), tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


# --- what stops it ---


def test_a_loss_that_is_not_finite_stops_with_the_modality_named_and_the_checkpoint_intact(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=12, side=16)
    settings = tiny_settings(data, preset=("s2", "aster"), save_every=1)
    out = tmp_path / "run"
    train(settings, out, stop=after(2))
    kept = {path: path.read_bytes() for path in (out / "checkpoints").rglob("*") if path.is_file()}
    statistics = json.loads((data / "tiles_band_stats.json").read_text())
    statistics["aster"]["std"] = [1e-38, 1e-38]  # standardised elevations overflow
    (data / "tiles_band_stats.json").write_text(json.dumps(statistics))
    with pytest.raises(
        NonFiniteLossError, match=r"step 3: the loss of aster is not finite.*step-00000002, is from before"
    ):
        train(settings, out, resume=True)
    assert {path: path.read_bytes() for path in (out / "checkpoints").rglob("*") if path.is_file()} == kept


def test_a_training_that_diverges_leaves_no_checkpoint_that_is_not_finite(tiles, tmp_path):
    settings = tiny_settings(tiles, preset=("s2",), base_rate=1e30, epochs=9, warmup_epochs=0, save_every=1)
    with pytest.raises(NonFiniteLossError, match="not finite"):
        train(settings, tmp_path / "run")
    saved = find_state(tmp_path / "run")
    assert all(tensor.isfinite().all() for tensor in saved.model_tensors().values())


def test_clipping_bounds_the_step_and_the_log_keeps_the_norm_before_it(tiles, tmp_path):
    settings = tiny_settings(tiles, preset=("s2",), epochs=1, warmup_epochs=0)
    train(settings, tmp_path / "free")
    train(replace(settings, clip_norm=1e-9), tmp_path / "clipped")
    free, clipped = (read_log(tmp_path / name / "log.jsonl") for name in ("free", "clipped"))
    assert clipped[0].gradient_norm == free[0].gradient_norm > 1e-3
    start = build_model(plan_of(settings)).state_dict()["tokens.proj.weight"]
    moved = {name: (weights(tmp_path / name, 3)["tokens.proj.weight"] - start).norm() for name in ("free", "clipped")}
    assert moved["clipped"] < 0.2 * moved["free"]


def test_a_tracker_that_is_not_installed_is_refused_with_the_command_to_install_it(tiles, tmp_path, monkeypatch):
    monkeypatch.setattr("mp_mae.training.processes.launch.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install wandb"):
        train(tiny_settings(tiles, tracker="wandb"), tmp_path / "run")


def test_model_of_a_checkpoint_is_rebuilt_from_its_own_configuration(optical_run):
    _, out, _ = optical_run
    model = find_state(out, 4).build_model()
    assert isinstance(model, MPMAE)
    saved = weights(out, 4)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(UserError, match="wanted the checkpoint of step 3, there are steps 4, 6"):
        find_state(out, 3)


def test_a_tracker_begins_once_all_is_checked_and_there_is_something_to_do(tiles, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(
        "mp_mae.training.loop.start_trackers", lambda accelerator, settings: begun.append(settings.seed)
    )
    settings = tiny_settings(tiles, preset=("s2",), size="demo", epochs=1, seed=7)
    train(settings, tmp_path / "run")
    assert begun == [7]
    assert train(settings, tmp_path / "run", resume=True).complete
    with pytest.raises(UserError, match="belongs to a training that differs in seed"):
        train(replace(settings, seed=8), tmp_path / "run", resume=True)
    assert begun == [7]


def test_one_python_process_trains_in_one_precision_after_the_other(tiles, tmp_path):
    for precision in ("float32", "bf16", "float32"):
        settings = tiny_settings(tiles, preset=("s2",), precision=precision, epochs=1)
        assert train(settings, tmp_path / precision, resume=(tmp_path / precision).exists()).complete
