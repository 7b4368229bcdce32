"""A 5-NN probe on labelled images while a training goes on: right, told, drawn, and without a trace in the training."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from clip_training import clip, clip_settings  # noqa: F401 - a fixture
from generated_mmearth import write_mmearth
from mp_mae.cli.app import main
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.errors import UserError
from mp_mae.pictures.curves import build_curves
from mp_mae.training.comparing.probe import neighbours_accuracy, open_probe
from mp_mae.training.export import find_state
from mp_mae.training.log import read_log
from mp_mae.training.plan import make_plan, open_files
from pretraining_run import changed, tiny_settings, train, weights


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=12, side=24, held_out=2)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Two classes of ten images of 24 px, of which some are grey stripes and the others one colour."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(0)
    for i in range(10):
        for name in ("plain", "striped"):
            pixels = np.broadcast_to(rng.integers(90, 140, 3), (24, 24, 3)).copy()
            pixels[:, ::2] += 60 * (name == "striped")
            path = folder / "in" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    assert main(["data", "import", str(folder / "in"), "--out", str(folder / "kinds"), "--side", "24"]) == 0
    return folder / "kinds"


def rgb(tiles, **changes):
    return tiny_settings(tiles, preset="rgb", size="demo", crop=24, **changes)


def by_hand(vectors: np.ndarray, labels: np.ndarray, images: np.ndarray) -> float:
    """Sort by cosine, count, and let the nearest decide between equal counts."""
    vectors = (vectors - vectors.mean(0)) / vectors.std(0, ddof=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    right = 0
    for i, own in enumerate(vectors):
        others = [j for j in np.argsort(-vectors @ own) if images[j] != images[i]][:5]
        said = [labels[j] for j in others]
        most = max(said.count(label) for label in said)
        right += next(label for label in said if said.count(label) == most) == labels[i]
    return right / len(vectors)


def test_the_accuracy_is_that_of_sorting_and_counting():
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels = rng.integers(0, 4, 40)
        vectors = rng.normal(size=(40, 6)) + 0.7 * labels[:, None]
        images = rng.integers(0, 30, 40)
        found = neighbours_accuracy(*(torch.from_numpy(each) for each in (vectors, labels, images)))
        assert found == pytest.approx(by_hand(vectors, labels, images))


def test_other_tiles_of_the_same_image_are_no_neighbours():
    vectors = torch.eye(3).repeat_interleave(6, dim=0)  # six equal tiles of each of three classes
    labels = torch.arange(3).repeat_interleave(6)
    assert neighbours_accuracy(vectors, labels, torch.arange(18)) == 1
    assert neighbours_accuracy(vectors, labels, labels) == 0


def test_what_is_logged_is_the_accuracy_of_the_encoder_that_was_saved(tiles, labelled, tmp_path):
    settings = rgb(tiles, probe=str(labelled), validate_every=2, save_every=2)
    train(settings, tmp_path / "run")
    records = [record for record in read_log(tmp_path / "run" / "log.jsonl") if record.held_out]
    assert [record.step for record in records] == [2, 4]
    for record in records:
        assert set(record.held_out) == {"loss", "5-NN accuracy"}
        assert record.held_out["5-NN accuracy"]["chance"] == 0.5

    model = find_state(tmp_path / "run").build_model().eval()
    plan = make_plan(settings, open_files(settings), torch.device("cpu"))
    probe = open_probe(str(labelled), plan, model)
    loader = Loader(probe.files, capacity=20, crop=24, device=torch.device("cpu"))
    (batch,) = loader.batches(evaluation_requests(probe.files, probe.rows, 20, crop=24))
    with torch.no_grad():
        vectors = model.encoder.forward_head(model.encoder.forward_features(batch.input), pre_logits=True)
    assert probe.classes == ("plain", "striped")
    wanted = by_hand(vectors.numpy(), probe.labels.numpy(), probe.images.numpy())
    assert records[-1].held_out["5-NN accuracy"]["kinds"] == pytest.approx(wanted)
    axes = {axis.get_title(): axis for axis in build_curves(read_log(tmp_path / "run" / "log.jsonl")).axes}
    curve, chance = axes["5-NN accuracy, kinds"].lines
    assert curve.get_xdata().tolist() == [2, 4]
    assert list(chance.get_ydata()) == [0.5, 0.5]
    assert "5-NN accuracy, chance" not in axes


def test_a_training_is_the_same_bit_for_bit_with_and_without_it(tiles, labelled, tmp_path):
    train(rgb(tiles), tmp_path / "without")
    train(rgb(tiles, probe=str(labelled), validate_every=1), tmp_path / "with")
    without, with_it = weights(tmp_path / "without", 4), weights(tmp_path / "with", 4)
    assert all(torch.equal(without[name], with_it[name]) for name in without)
    for one, other in zip(*(read_log(tmp_path / name / "log.jsonl") for name in ("without", "with")), strict=True):
        assert (one.losses, one.gradient_norm) == (other.losses, other.gradient_norm)
    # and it may begin or end when the training is resumed
    assert train(rgb(tiles), tmp_path / "with", resume=True).complete


def test_it_is_told_what_it_is_probed_by(tiles, labelled, tmp_path, capsys):
    words = ["--data", str(tiles), "--preset", "rgb", "--size", "demo", "--probe", str(labelled), "--device", "cpu"]
    sizes = ["--set", "crop=24", "--set", "patch=8", "--batch", "10", "--epochs", "1", "--set", "decoder_width=8"]
    assert main(["pretrain", *words, *sizes, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().err
    assert "Probed by 20 tiles of 2 classes, of which the most frequent has 50.0%." in said
    assert re.search(r"step 1 held out, 5-NN accuracy: kinds [\d.]+, chance 0.5", said)


@pytest.mark.parametrize(
    ("probe", "changes", "says"),
    [
        ("nowhere", {}, "no such folder"),
        ("raw", {}, "One is made of class folders of images: python -m mp_mae data import DIR --out NEW."),
        ("tiles", {}, "tiles_tile_info.json: is missing. One is made of class folders"),
        ("kinds", {"preset": "s2"}, "has no values of B1, B5, B6, B7, B8A, B8, B9, B11, B12, which the training reads"),
        ("kinds", {"crop": 32, "data": 32}, "its tiles are 24 px, the training's crops 32. Import the images with"),
    ],
)
def test_what_cannot_be_probed_by_is_refused_before_the_first_step(tiles, labelled, tmp_path, probe, changes, says):
    folder = {"tiles": tiles, "kinds": labelled, "raw": labelled.parent / "in"}.get(probe, tmp_path / probe)
    if "data" in changes:
        changes = {**changes, "data": str(write_mmearth(tmp_path / "large", n=4, side=changes["data"]))}
    with pytest.raises(UserError, match=re.escape(says)):
        train(changed(rgb(tiles, probe=str(folder)), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("clip")
def test_an_objective_says_by_what_it_is_probed(tiles, labelled, tmp_path):
    settings = clip_settings(tiles, bands=("B2", "B3", "B4"), probe=str(labelled))
    assert train(settings, tmp_path / "run").complete
    last = read_log(tmp_path / "run" / "log.jsonl")[-1]
    assert 0 <= last.held_out["5-NN accuracy"]["kinds"] <= 1
