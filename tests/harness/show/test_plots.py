"""Label-efficiency curves in characters and as a picture."""

import hashlib
from datetime import UTC, datetime

import matplotlib.image
import numpy as np
import pytest

from harness.errors import UserError
from harness.show.plots.curves import Curve, Panel, Point, read_panels
from harness.show.plots.figure import build_figure, draw_figure, label_ticks
from harness.show.plots.terminal import draw_text
from leaderboards.schema import MetricRow, RunRecord, RunRow
from leaderboards.store import open_leaderboard


def make_panel(*values: tuple[str, tuple[float, ...]]) -> Panel:
    return Panel(
        title="m-eurosat, knn",
        protocol="knn",
        metric="accuracy",
        curves=tuple(
            Curve(name, look, 0, tuple(Point(10 * 10**i, v, v - 0.05, v + 0.05, (v,)) for i, v in enumerate(scores)))
            for look, (name, scores) in enumerate(values)
        ),
    )


def test_each_point_is_a_letter_at_its_place():
    lines = list(draw_text(make_panel(("low", (0.2, 0.3, 0.4)), ("high", (0.5, 0.6, 0.7)))))
    columns = [line[9:] for line in lines[1:15]]
    assert columns[0].rstrip().endswith("b")  # 0.7 at the top right
    assert columns[-1].startswith("a")  # 0.2 at the bottom left
    assert lines[1].startswith("   0.70 |")
    assert lines[14].startswith("   0.20 |")
    middle = [row for row, cells in enumerate(columns) if cells[30:32].strip(". ")]
    assert [columns[row][30:32].strip(". ") for row in middle] == ["b", "a"]


def test_points_on_the_same_spot_are_a_star():
    text = "\n".join(draw_text(make_panel(("one", (0.2, 0.5)), ("two", (0.2, 0.9)))))
    assert text.count("*") == 1


def test_a_picture_in_characters_fits_80_columns_whatever_the_names():
    lines = list(draw_text(make_panel(("x" * 300, (0.1234567, 0.2)), ("é<b>", (0.3, 0.35)))))
    assert max(map(len, lines)) <= 80


def test_one_point_alone_can_be_drawn():
    lines = list(draw_text(make_panel(("only", (0.5,)))))
    assert sum("a" in line[9:10] for line in lines[1:15]) == 1


def test_the_picture_has_ink_where_the_curve_is_and_only_if_there_is_one(tmp_path):
    draw_figure([make_panel(("rises", (0.2, 0.5, 0.8)))], tmp_path / "curve.png")
    picture = matplotlib.image.imread(tmp_path / "curve.png")[..., :3]
    blue = np.array([0, 0x72, 0xB2]) / 255
    row, column = np.nonzero(np.abs(picture - blue).max(-1) < 0.05)
    left, right = column < np.percentile(column, 20), column > np.percentile(column, 60)
    assert row[left].min() > row[right & (row < picture.shape[0] * 0.75)].min()  # it rises


def test_a_row_that_is_not_full_has_no_empty_axes():
    assert len(build_figure([make_panel(("one", (0.2, 0.3)))] * 5).axes) == 5


def test_a_legend_wider_than_the_panels_is_not_cut_off(tmp_path):
    draw_figure([make_panel(("x" * 150, (0.2, 0.3)), ("_ costs 5$ to $6", (0.2, 0.3)))], tmp_path / "curve.png")
    picture = matplotlib.image.imread(tmp_path / "curve.png")[..., :3]
    assert picture.shape[1] > 1000
    assert picture[:, 0].min() == picture[:, -1].min() == 1  # nothing but paper at the edges


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(10, 1000, [10, 20, 50, 100, 200, 500, 1000]), (8, 90, [10, 20, 50, 100]), (1, 20_000, [1, 10, 100, 1000, 10_000]),
     (17, 17, [20]), (30, 30, [30])],
)  # fmt: skip
def test_ticks_are_round_numbers_of_labels(low, high, ticks):
    assert label_ticks(low, high) == ticks


def test_points_of_one_seed_are_hollow_and_seeds_lie_faintly_behind_their_means():
    points = (Point(10, 0.3, None, None, (0.2, 0.4)), Point(20, 0.5, None, None, (0.5,)))
    (axis,) = build_figure([Panel("toy", "knn", "accuracy", (Curve("one", 0, 0, points),))]).axes
    seeds, mean, single = axis.lines
    assert (list(seeds.get_ydata()), seeds.get_alpha()) == ([0.2, 0.4], 0.3)
    assert list(mean.get_ydata()) == [0.3, 0.5]
    assert (list(single.get_xdata()), single.get_markerfacecolor()) == ([20], "white")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.5, 0.8), ["0.80", "0.75", "0.70", "0.65", "0.60", "0.55", "0.50"]),
        ((-3.5, 0.4), ["0.0", "-1.0", "-2.0", "-3.0"]),
        ((1200.0, 5200.0), ["5000", "4000", "3000", "2000", "1000"]),
        ((0.001, 0.003), ["0.0030", "0.0025", "0.0020", "0.0015", "0.0010"]),
    ],
)
def test_the_axis_fits_scores_of_any_size(values, labels):
    lines = list(draw_text(make_panel(("one", values))))
    shown = [line[:7].strip() for line in lines if line[7:9] == " |" and line[:7].strip()]
    assert shown == labels
    rows = [y for y, line in enumerate(lines) if "a" in line[9:] and line[7:9] == " |"]
    assert len(rows) == 2  # both points are drawn, apart from each other


def test_a_picture_that_cannot_be_written_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"curve\.xyz: cannot write the picture .*\.png, \.svg or \.pdf"):
        draw_figure([make_panel(("one", (0.5,)))], tmp_path / "curve.xyz")


def test_curves_of_a_leaderboard_are_grouped_by_what_can_be_compared(tmp_path, make_record):
    db = tmp_path / "leaderboard.duckdb"
    store = open_leaderboard(db)
    for backbone, seed, n, value in (("a", 0, 10, 0.4), ("a", 1, 10, 0.6), ("a", 0, 20, 0.7), ("b", 0, 10, 0.1)):
        store.commit(make_record(backbone, seed, n, value, protocol="knn"))
    store.commit(make_record("a", 0, 10, 0.9, protocol="linear_probe"))
    knn, probe = read_panels(db)
    assert (knn.title, probe.title) == ("demo-toy, knn (simulated)", "demo-toy, linear_probe (simulated)")
    assert [(curve.name, [(p.n_labels, p.value) for p in curve.points]) for curve in knn.curves] == [
        ("a", [(10, 0.5), (20, 0.7)]),
        ("b", [(10, 0.1)]),
    ]
    (alone,) = read_panels(db, backbones=["b"])[0].curves
    assert (alone.name, alone.look) == ("b", knn.curves[1].look)  # it looks the same, whoever else is drawn
    assert [point.of_seeds for point in knn.curves[0].points] == [(0.4, 0.6), (0.7,)]
    with pytest.raises(UserError, match="no curve to draw for backbones nobody"):
        read_panels(db, backbones=["nobody"])


def test_shots_and_images_are_labelled_lines_of_one_panel(tmp_path, make_record):
    db = tmp_path / "leaderboard.duckdb"
    store = open_leaderboard(db)
    for n, prefix in ((10, "n="), (20, "n="), (10, "k="), (20, "k=")):
        store.commit(make_record("a", 0, n, 0.5, protocol="few_shot", prefix=prefix))
    (panel,) = read_panels(db)
    assert [(curve.name, curve.look, curve.variant) for curve in panel.curves] == [
        ("a by shots", 0, 0),
        ("a by images", 0, 1),
    ]


@pytest.mark.parametrize("errors", [(1e20, 1e20), (1e300,), (-5e18, 0.3), (3e-6, 4e-6), (1e-300, 2e-300), (0.0, 0.0)])
def test_scores_of_any_size_are_drawn(errors: tuple[float, ...]) -> None:
    """A network that diverged has the error it has."""
    lines = list(draw_text(make_panel(("a", errors))))
    assert sum("|" in line and "a" in line.partition("|")[2] for line in lines) >= 1
    assert len(lines) < 30


@pytest.fixture
def make_record():
    def make(backbone: str, seed: int, n_labels: int, value: float, protocol: str, prefix: str = "") -> RunRecord:
        run = RunRow(
            run_id=hashlib.sha256(f"{backbone} {seed} {prefix}{n_labels} {protocol}".encode()).hexdigest(),
            suite="demo", dataset="demo-toy", backbone=backbone, weights_sha256="0" * 64, dataset_fingerprint="f",
            protocol=protocol, protocol_version=1, partition=f"{prefix}{n_labels}", seed=seed, metric="accuracy",
            n_train=n_labels, n_valid=0, n_test=5, n_labels_fit=n_labels, n_labels_select=0, source="measured",
            configuration={}, provenance={"weights_file": None}, device="cpu", seconds=0.0,
            finished_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        row = MetricRow(split="test", metric="accuracy", value=value, ci_low=value - 0.1, ci_high=value + 0.1)
        return RunRecord(run=run, metrics=(row,))

    return make
