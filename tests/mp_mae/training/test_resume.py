"""An interrupted training that is resumed equals one that was not, bit for bit; another one is refused."""

import json
from dataclasses import asdict, replace

import pytest

from generated_mmearth import write_mmearth
from mp_mae.errors import UserError
from mp_mae.training.log import read_log
from mp_mae.training.state import read_state
from pretraining_run import after, changed, tiny_settings, train

TIMES = ("images_per_second", "waiting", "memory_mb")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=12, side=24, missing=0.3)


@pytest.fixture(scope="module")
def settings(tiles):
    """All modalities, random crops and turns, two micro-batches a step: six steps in two epochs."""
    return tiny_settings(tiles, micro_batch=2, turn=True)


@pytest.fixture(scope="module")
def uninterrupted(settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(settings, out)
    return out


def checkpoint_bytes(out, step):
    folder = out / "checkpoints" / f"step-{step:08d}"
    return {name: (folder / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")}


def logged(out):
    """Every record without what the clock and the machine decide."""
    return [
        {key: value for key, value in asdict(record).items() if key not in TIMES}
        for record in read_log(out / "log.jsonl")
    ]


@pytest.mark.parametrize("steps", [2, 3, 5])  # in the middle of an epoch, at its end, in the next one
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(settings, uninterrupted, tmp_path, steps):
    finished = train(settings, tmp_path, stop=after(steps, asks=2))
    assert (finished.step, finished.complete) == (steps, False)
    assert train(settings, tmp_path, resume=True).complete
    assert checkpoint_bytes(tmp_path, 6) == checkpoint_bytes(uninterrupted, 6)
    assert logged(tmp_path) == logged(uninterrupted)


def test_a_killed_training_goes_on_from_its_last_checkpoint_and_repeats_the_rest(settings, uninterrupted, tmp_path):
    settings = replace(settings, save_every=2)

    def killed():
        asked.append(True)
        if len(asked) == 8:
            raise KeyboardInterrupt  # within the fourth step
        return False

    asked = []
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path, stop=killed)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "epo')  # as far as the line came
    (tmp_path / "checkpoints" / ".step-00000004.0.partial").mkdir()
    train(settings, tmp_path, resume=True)
    assert checkpoint_bytes(tmp_path, 6) == checkpoint_bytes(uninterrupted, 6)
    assert logged(tmp_path) == logged(uninterrupted)
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_resuming_a_complete_training_changes_nothing(settings, uninterrupted):
    before = checkpoint_bytes(uninterrupted, 6)
    assert train(settings, uninterrupted, resume=True).complete
    assert checkpoint_bytes(uninterrupted, 6) == before


def test_resuming_where_nothing_is_yet_starts_from_the_beginning(settings, tmp_path):
    assert train(replace(settings, preset=("lat",)), tmp_path / "new", resume=True).step == 6


def test_checkpoints_that_cannot_be_listed_are_not_taken_for_none(settings, uninterrupted, unreadable):
    unreadable(uninterrupted / "checkpoints")
    with pytest.raises(UserError, match=r"checkpoints: cannot be read \(Permission denied\)"):
        train(settings, uninterrupted, resume=True)


def test_a_training_is_not_overwritten_unless_it_is_resumed(settings, uninterrupted):
    with pytest.raises(UserError, match=r"holds a training at step 6\. Pass --resume auto"):
        train(settings, uninterrupted)


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"size": "femto"}, ["size ('atto', now 'femto')"]),
        ({"decoder_width": 16, "seed": 3}, ["decoder_width (8, now 16)", "seed (0, now 3)"]),
        ({"epochs": 3}, ["epochs (2, now 3)", "total_steps (6, now 9)"]),
    ],
)
def test_another_training_is_refused_with_the_keys_that_differ(settings, uninterrupted, changes, keys):
    with pytest.raises(UserError) as error:
        train(changed(settings, **changes), uninterrupted, resume=True)
    assert f"differs in {', '.join(keys)}." in str(error.value)


def test_other_data_are_refused(settings, uninterrupted, tmp_path):
    fewer = write_mmearth(tmp_path / "tiles", n=12, side=24, held_out=4, seed=1)
    with pytest.raises(UserError, match=r"differs in train_sha256 .*, train_tiles \(12, now 8\), sentinel2 .*, steps"):
        train(replace(settings, data=str(fewer)), uninterrupted, resume=True)


def test_the_machine_may_change(settings, tiles, uninterrupted):
    moved = replace(settings, data=f"{tiles}/.", workers=3, save_every=1, keep=9, micro_batch=4)
    assert train(moved, uninterrupted, resume=True).complete


def test_weights_of_another_model_are_refused(settings, tmp_path):
    train(settings, tmp_path, stop=after(1, asks=2))
    folder = tmp_path / "checkpoints" / "step-00000001"
    other = train(changed(settings, decoder_width=16), tmp_path / "other", stop=after(1, asks=2)).out
    foreign = other / "checkpoints" / "step-00000001" / "model.safetensors"
    (folder / "model.safetensors").write_bytes(foreign.read_bytes())
    with pytest.raises(
        UserError, match=r"model\.safetensors: does not fit the model in branches.*training of this size"
    ):
        train(settings, tmp_path, resume=True)


def cut_weights(folder):
    content = (folder / "optimizer.safetensors").read_bytes()
    (folder / "optimizer.safetensors").write_bytes(content[: len(content) // 2])


def cut_state(folder):
    (folder / "state.json").write_text((folder / "state.json").read_text()[:100])


def age_state(folder):
    described = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**described, "format_version": 0}))


def without_batch(folder):
    described = json.loads((folder / "state.json").read_text())
    del described["schedule"]["effective_batch"]
    (folder / "state.json").write_text(json.dumps(described))


def with_words_for_numbers(folder):
    described = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**described, "history": {"micro_batch": "many"}}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without_batch, r"state\.json: damaged \(KeyError: 'effective_batch'\)"),
        (with_words_for_numbers, r"state\.json: damaged \(TypeError: a batch"),
        (cut_weights, r"optimizer\.safetensors: cannot read the weights .*to use an older checkpoint"),
        (cut_state, r"state\.json: is not JSON"),
        (age_state, r"state\.json: wanted format_version 1, found 0"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_its_file_named(settings, tmp_path, damage, says):
    train(replace(settings, preset=("lat",)), tmp_path, stop=after(1, asks=2))
    damage(tmp_path / "checkpoints" / "step-00000001")
    with pytest.raises(UserError, match=says):
        train(replace(settings, preset=("lat",)), tmp_path, resume=True)


def test_a_checkpoint_holds_no_pickle(uninterrupted):
    folder = read_state(uninterrupted / "checkpoints" / "step-00000006").folder
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "optimizer.safetensors", "state.json"}
