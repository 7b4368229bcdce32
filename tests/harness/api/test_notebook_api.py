"""What a notebook types: own models on own arrays, into a leaderboard, as tables and pictures."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import timm
import torch

import harness as h
from command_line import harness
from harness.campaign.plan import State
from harness.errors import UserError
from leaderboards.query import run_query

mpl.use("agg")
BANDS = ["B2", "B3", "B4", "B8"]
N, SIDE = 80, 16


def images(seed=0):
    """(N, 4, SIDE, SIDE) reflectance whose blue says the class, and the (N,) class."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, N)
    X = generator.normal(0.2, 0.02, (N, 4, SIDE, SIDE)).astype(np.float32)
    X[:, 0] += (0.1 * y + generator.normal(0, 0.07, N))[:, None, None]
    return X, np.array(["forest", "water"])[y]


def lakes(moved=0.0):
    X, y = images()
    X[0, 0, 0, 0] += moved
    return h.Dataset.from_arrays(X, y, bands=BANDS, unit="reflectance", name="lakes")


def my_net(moved=0.0):
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", in_chans=4)
    with torch.no_grad():
        next(model.parameters()).add_(moved)
    return h.Backbone.wrap(model, bands=BANDS, name="my_net")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    return {"db": folder / "board.duckdb", "cache_dir": folder / "cache"}


@pytest.fixture(scope="module")
def results(places):
    return h.run([my_net(), "image_statistics"], lakes(), "knn", range(2), **places)


def test_scores_are_the_rows_of_the_leaderboard(results, places):
    scores = results.scores()
    assert set(scores["backbone"]) == {"my_net", "image_statistics"}
    assert set(scores["n_labels"]) == {11, 28, 56}, "smaller parts of train make a curve"
    stored = run_query(places["db"], "SELECT run_id, value FROM leaderboard ORDER BY run_id").rows
    assert sorted(scores[["run_id", "value"]].itertuples(index=False, name=None)) == stored


def test_asking_again_runs_nothing(results, places):
    again = h.run(my_net(), lakes(), "knn", range(2), **places)
    assert {line.state for line in again.lines} == {State.DONE}
    assert set(again.run_ids) < set(results.run_ids)


@pytest.mark.parametrize(("model_moved", "pixel_moved"), [(0.01, 0.0), (0.0, 0.001)])
def test_other_weights_or_another_pixel_are_another_run(results, tmp_path, places, model_moved, pixel_moved):
    words = {"partitions": "default", "db": tmp_path / "other.duckdb", "cache_dir": places["cache_dir"]}
    other = h.run(my_net(model_moved), lakes(pixel_moved), "knn", [0], **words)
    assert not set(other.run_ids) & set(results.run_ids)


def test_a_comparison_has_a_row_per_protocol(results):
    (row,) = results.compare(my_net(), "image_statistics").to_dict("records")
    assert (row["a"], row["b"], row["dataset"], row["n_labels"]) == ("my_net", "image_statistics", "lakes", 56)
    assert row["difference"] == pytest.approx(row["a_value"] - row["b_value"])


def test_a_plot_has_a_line_per_backbone_that_was_asked_for(results, places):
    def shown(axis):
        return {text.get_text() for text in axis.get_legend().get_texts()}

    assert shown(results.plot("lakes", "knn")) == {"my_net", "image_statistics"}
    assert shown(h.run("image_statistics", lakes(), "knn", range(2), **places).plot()) == {"image_statistics"}


def test_a_notebook_shows_means_by_backbone(results):
    shown = results._repr_html_()
    point = results.means().query("backbone == 'my_net'").dropna(subset="ci_low").iloc[0]
    assert "<th>my_net</th>" in shown
    assert f"<td>{point['value']:.3f} [{point['ci_low']:.3f}, {point['ci_high']:.3f}]</td>" in shown


def test_a_file_answers_sql_as_a_dataframe(results, places):
    frame = h.open(places["db"]).sql("SELECT backbone, count(*) AS n FROM runs GROUP BY ALL ORDER BY ALL").df()
    assert frame.to_dict("list") == {"backbone": ["image_statistics", "my_net"], "n": [6, 6]}


def test_a_run_of_a_held_model_is_shown_without_a_command_that_would_fail(results, places):
    of_backbone = results.scores().groupby("backbone")["run_id"].first()
    shown = {
        name: harness("show", run_id[:12], "--db", places["db"], cwd=Path()) for name, run_id in of_backbone.items()
    }
    assert "run it again" in shown["image_statistics"].stdout
    assert "run it again" not in shown["my_net"].stdout
    assert "A Python program held this backbone" in shown["my_net"].stdout


def test_features_come_in_the_order_of_the_rows(places):
    X, y = images(seed=1)
    mine = h.Dataset.from_arrays(X, y, bands=BANDS)
    vectors, labels, splits, _ = h.features("image_statistics", mine, cache_dir=places["cache_dir"])
    assert np.array(["forest", "water"])[labels].tolist() == y.tolist()
    assert np.corrcoef(vectors[:, 0], X[:, 0].mean(axis=(1, 2)))[0, 1] > 0.99
    assert [int((splits == split).sum()) for split in ("train", "valid", "test")] == [56, 8, 16]


def test_what_cannot_be_run_is_told_with_its_reason(places):
    X, y = images()
    mine = h.Dataset.from_arrays(X, y, bands=["red", "green", "blue", "nir"])
    with pytest.raises(UserError, match=r"nothing could be run: my_net wants bands B2.*missing-bands"):
        h.run(my_net(), mine, "knn", **places)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"backbones": torch.nn.Identity()}, "or h.Backbone.wrap(model, bands=[...]), are wanted; found Identity"),
        ({"datasets": images()}, "or h.Dataset.from_arrays(X, y, bands=[...]), are wanted; found ndarray"),
        ({"seeds": 3}, "seeds: numbers in a list are wanted, such as range(3)"),
        ({"protocols": 3}, "protocols: names are wanted; found int"),
        ({"backbones": "mp_mea"}, "Did you mean mp_mae?"),
        ({"shard": "5/4"}, "expected one share of several, for example 1/4 to 4/4; found '5/4'"),
        ({"cache_limit": "much"}, "cache_limit: expected a size such as 100GB, 500MB or 0, found 'much'"),
        ({"backbones": my_net(), "executor": "ray"}, "executor: other machines know backbones by name"),
    ],
)
def test_a_word_that_is_none_is_answered_with_what_to_type(places, words, told):
    with pytest.raises(UserError) as refused:
        h.run(**{"backbones": "image_statistics", "datasets": lakes(), **words}, **places)
    assert told in str(refused.value)


def test_shares_and_a_limit_of_the_cache_are_said_as_on_the_command_line(places, tmp_path):
    X, y = images()
    grid = (["image_statistics", "random_features"], h.Dataset.from_arrays(X, y, bands=BANDS), "knn")
    where = {"cache_limit": "1GB", "db": tmp_path / "x.duckdb", "cache_dir": places["cache_dir"]}
    shares = [h.run(*grid, shard=f"{number}/2", **where).run_ids for number in (1, 2)]
    assert sorted([*shares[0], *shares[1]]) == sorted(h.run(*grid, **where).run_ids)
    assert all(shares)
    assert h.run(*grid, shard="99/99", **where).run_ids == [], "there are fewer groups of runs"


def test_two_models_of_one_name_are_refused(places):
    with pytest.raises(UserError, match="two backbones are called my_net"):
        h.run([my_net(), my_net(0.01)], lakes(), "knn", **places)


def test_importing_is_instant_and_reading_needs_no_torch(results, places):
    script = (
        "import sys, harness as h; assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)\n"
        f"h.open({str(places['db'])!r}).scores(); assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(h.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_no_room_is_called_like_something_that_people_type():
    rooms = {path.parent.name for path in Path(h.__file__).parent.glob("*/__init__.py")}
    assert not rooms & set(h.__all__)
