"""`harness multimodal` on toy data from files to rows and tables: what it says is what the towers say, and once."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import contrastive_models
from baselines.bands import BandInfo
from baselines.contract import Backbone
from baselines.contrastive.embeddings import AVERAGE
from baselines.contrastive.files import ContrastiveSummary, save_model
from baselines.facts import Facts
from baselines.registry import find_backbone
from harness.cli.app import app
from harness.data.sources import SOURCES
from harness.multimodal.questions import Seen
from harness.multimodal.towers import EveryTower, channels_of
from harness.multimodal.vectors import SharedVectors, columns
from leaderboards.query import run_query
from toy_source import TOY, write_toy

BANDS = ["B4", "B3", "asc VV", "asc VH", "coherence 12 days"]
UNITS = {"asc VV": "dB", "asc VH": "dB", "coherence 12 days": "coherence"}
CHANNELS = {"sentinel2": ("B4", "B3"), "sentinel1": ("asc VV", "asc VH"), "coherence": ("12 days",)}
N = 48
N_RETRIEVAL = 4 * (9 + 2 * 2 * 4)
"""Metrics, of nine pairs, and of each of four channels in two sets of queries for two galleries."""
N_LABELS = 1 + 2 * (6 + 4 * 4)
N_TRANSFER = 4


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip") / "encoder"
    model = contrastive_models.model(patch=8)
    save_model(folder, model.state_dict(), model.config, ContrastiveSummary())
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, TOY.name, TOY)
    return tmp_path / "data"


def pixels(seed):
    """(N, C, 8, 8) float32 whose every band says how much there is of something; and how much, (N, 1)."""
    generator = np.random.default_rng(seed)
    amount = generator.uniform(0.2, 0.8, N)
    values = generator.normal(0, 0.05, (N, len(BANDS), 8, 8)) + amount[:, None, None, None]
    return values.astype(np.float32), amount[:, None]


def write(root, name, seed=0, **described):
    values, amount = pixels(seed)
    said = {"label_kind": "regression", "class_names": ["amount"], "bands": BANDS, "units": UNITS, **described}
    return write_toy(root, name, values, amount, **said)


def ask(root, tmp_path, weights, *options, code=0):
    arguments = ["multimodal", "--weights", weights, "--geobench-dir", root, "--db", tmp_path / "board.duckdb"]
    arguments += ["--cache-dir", tmp_path / "cache", "--device", "cpu", *options]
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def rows(tmp_path, sql):
    table = run_query(tmp_path / "board.duckdb", sql)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def count(tmp_path):
    found = rows(tmp_path, "SELECT what, count(*) AS n FROM multimodal GROUP BY what")
    return {row["what"]: row["n"] for row in found}


def test_two_datasets_are_asked_everything_and_no_number_twice(root, tmp_path, weights, monkeypatch):
    write(root, "here")
    write(root, "there", seed=1)
    told = ask(root, tmp_path, weights)
    n = 2 * (N_RETRIEVAL + N_LABELS + N_TRANSFER)
    assert count(tmp_path) == {
        "retrieval": 2 * N_RETRIEVAL, "subset": 2 * 13, "missing channel": 2 * (N_LABELS - 13),
        "transfer": 2 * N_TRANSFER,
    }  # fmt: skip
    assert f"{n} of {n} numbers are new" in told
    assert "here: each image's own among 12" in told
    assert "probes from another dataset" in told
    first = rows(tmp_path, "FROM multimodal ORDER BY result_id")

    monkeypatch.setattr(EveryTower, "embed", _refuse)
    assert f"0 of {n} numbers are new" in ask(root, tmp_path, weights)
    assert rows(tmp_path, "FROM multimodal ORDER BY result_id") == first


@pytest.mark.slow
def test_vectors_come_from_the_cache_and_other_resamples_are_other_numbers(root, tmp_path, weights, monkeypatch):
    write(root, "here")
    write(root, "there", seed=1)
    ask(root, tmp_path, weights)
    first = rows(tmp_path, "FROM multimodal ORDER BY result_id")
    (tmp_path / "board.duckdb").unlink()
    monkeypatch.setattr(EveryTower, "embed", _refuse)
    ask(root, tmp_path, weights)
    again = rows(tmp_path, "FROM multimodal ORDER BY result_id")
    but_when = [{name: value for name, value in row.items() if name != "finished_at"} for row in again]
    assert but_when == [{name: value for name, value in row.items() if name != "finished_at"} for row in first]
    before = count(tmp_path)
    ask(root, tmp_path, weights, "--seed", "1")
    assert count(tmp_path) == {what: 2 * n for what, n in before.items()}


def _refuse(*_):
    raise AssertionError("nothing is to be embedded")


def test_other_labels_of_the_same_images_embed_nothing_anew(root, tmp_path, weights):
    write(root, "here")
    values, amount = pixels(0)
    said = {"label_kind": "single_label", "class_names": ["less", "more"], "bands": BANDS, "units": UNITS}
    write_toy(root, "halves", values, (amount[:, 0] > 0.5).astype(np.int64), **said)
    ask(root, tmp_path, weights)
    (entry,) = (tmp_path / "cache" / "modalities").iterdir()
    assert entry.is_dir()
    assert count(tmp_path) == {
        "retrieval": 2 * N_RETRIEVAL, "subset": 2 * 13, "missing channel": 2 * (N_LABELS - 13),
    }  # fmt: skip


def test_rows_are_those_of_the_views(root, tmp_path, weights):
    write(root, "here")
    ask(root, tmp_path, weights, "--format", "json")
    found = rows(tmp_path, "FROM retrieval WHERE missing_channel IS NULL")
    assert len(found) == 9
    assert {(row["chance_1"], row["n"], row["n_gallery"]) for row in found} == {(1 / 12, 12, 12)}
    lost = rows(tmp_path, "FROM missing_modalities WHERE question = 'label' AND fitted_on = 'the same'")
    assert len(lost) == 6 + 4 * 4
    alone = next(row for row in lost if row["modalities"] == ["sentinel2"] and row["missing_channel"] == "B4")
    assert (alone["missing"], alone["channel_of"]) == (["sentinel1", "coherence"], "sentinel2")
    (complete,) = rows(tmp_path, "FROM multimodal WHERE what = 'subset' AND loss IS NULL")
    assert [row["complete_value"] for row in lost] == pytest.approx([complete["value"]] * len(lost))
    configuration = json.loads(complete["configuration"])
    assert configuration["evaluated"] == list(CHANNELS)
    assert configuration["tested"]["channels"] == {name: list(of) for name, of in CHANNELS.items()}


def test_every_tower_says_what_the_backbone_says_of_fewer_bands(weights):
    """The average of stored vectors is the embedding `average`, with everything, and where channels are blank."""
    entry = find_backbone("clip")
    clip = replace(entry, settings={**entry.settings, "embedding": AVERAGE}).build(weights, 0)
    bands = tuple(BandInfo(name=name) for name in BANDS)
    assert channels_of(clip, bands) == CHANNELS
    x = torch.randn(3, len(BANDS), 8, 8, generator=torch.Generator().manual_seed(0))
    x[1, 2:4] = 0  # no radar of the second image
    towers: Backbone = EveryTower(clip)
    with torch.inference_mode():
        table = towers.embed(x, Facts(bands)).vector.numpy().reshape(3, -1, clip.model.config.dim)
        assert table.shape[1] == len(list(columns(CHANNELS)))
        vectors = SharedVectors(channels=CHANNELS, table=table)
        everything = Seen(tuple(CHANNELS))
        cases = {
            everything: [],
            Seen(("sentinel2",)): [2, 3, 4],
            Seen(("sentinel2", "coherence")): [2, 3],
            Seen(tuple(CHANNELS), "sentinel1", "asc VV"): [2],
            Seen(("sentinel2", "sentinel1"), "sentinel2", "B3"): [1, 4],
        }
        for seen, blank in cases.items():
            fewer = x.clone()
            fewer[:, blank] = 0
            expected = clip.embed(fewer, Facts(bands)).vector.numpy()
            assert vectors.average(seen) == pytest.approx(expected, abs=1e-5), seen
    assert vectors.complete().tolist() == [True, False, True]


def test_what_cannot_be_asked_is_skipped_and_what_fails_leaves_the_others_alone(root, tmp_path, weights):
    write(root, "here")
    values, amount = pixels(0)
    write_toy(root, "light", values[:, :2], amount, label_kind="regression", class_names=["amount"], bands=["B4", "B3"])
    broken = write(root, "broken", seed=2)
    (broken / "labels.npy").unlink()
    told = ask(root, tmp_path, weights, code=1)
    assert "skipped: light: wanted two modalities or more of sentinel2, sentinel1, coherence; found sentinel2" in told
    assert "failed: broken: " in told
    assert count(tmp_path)["retrieval"] == N_RETRIEVAL
    assert {row["test_dataset"] for row in rows(tmp_path, "FROM multimodal")} == {"here"}


def test_images_that_lack_a_modality_are_left_out_and_told(root, tmp_path, weights):
    values, amount = pixels(0)
    values[[0, 40], 2:4] = np.nan  # one of train, one of test
    said = {"label_kind": "regression", "class_names": ["amount"], "bands": BANDS, "units": UNITS}
    write_toy(root, "holes", values, amount, **said)
    told = ask(root, tmp_path, weights)
    assert "holes: 1 train and 1 test images lack one of sentinel2, sentinel1, coherence and are left out" in told
    assert {row["n"] for row in rows(tmp_path, "FROM multimodal")} == {11}


def test_a_modality_that_no_image_has_is_one_clear_line(root, tmp_path, weights):
    values, amount = pixels(0)
    values[:, 2:4] = np.nan
    values[0, 2:4] = 0.5
    said = {"label_kind": "regression", "class_names": ["amount"], "bands": BANDS, "units": UNITS}
    write_toy(root, "void", values, amount, **said)
    told = ask(root, tmp_path, weights, code=1)
    assert "failed: void: " in told


def test_another_backbone_is_refused(root, tmp_path):
    write(root, "here")
    arguments = ["multimodal", "--backbone", "image_statistics", "--geobench-dir", root, "--weights", "x"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--db", str(tmp_path / "b.duckdb")])
    assert done.exit_code == 2
    assert "contrastive model" in " ".join(done.output.split())


def test_real_images_want_weights_of_their_own(root, tmp_path):
    write(root, "here")
    arguments = ["multimodal", "--geobench-dir", root, "--db", tmp_path / "b.duckdb"]
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 2
    assert "pass its weights by --weights DIR" in " ".join(done.output.split())
