"""The report as a file: one of it, harmless, with SQL's numbers, from any leaderboard."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from command_line import harness
from harness.show.reproduce import reproducing_command
from harness.show.run_details import find_run
from leaderboards.alarm import read_alarms
from leaderboards.errors import UserError
from leaderboards.looks import COLOURS
from leaderboards.query import run_query
from leaderboards.report.build import SCRIPTS, build_report
from leaderboards.report.columns import encode, encode_table, script_safe_json
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.ranking import GridKey, read_standings
from leaderboards.store import open_leaderboard
from report_boards import BACKBONES, SUITE, campaign, published, write_board

HARMFUL = "</script><script>alert(1)</script>\"'&<!--é中../../etc/passwd"


class Elements(HTMLParser):
    """What a browser would find: tags with their attributes, and what stands in each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            name = self.tags[-1][1].get("id") or "program"
            self.scripts[name] = self.scripts.get(name, "") + data


def report_of(db: Path) -> Elements:
    build_report(db, db.with_suffix(".html"))
    return Elements(db.with_suffix(".html").read_text(encoding="utf-8"))


def rows(elements: Elements, name: str, block: str = "page-data") -> list[dict[str, Any]]:
    """A table as `data.js` decodes it."""
    table = json.loads(elements.scripts[block])[name]
    found: list[dict[str, Any]] = [{} for _ in range(table["n"])]
    for column, data in table["columns"].items():
        for i, row in enumerate(found):
            if isinstance(data, list):
                row[column] = data[i]
            else:
                row[column] = data["values"][data["index"][i] if data["index"] else 0]
    return found


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    incomplete = campaign(backbones=["newcomer"], datasets=["m-eurosat"], partitions=["1.00x_train"])
    records = [
        *campaign(
            backbones=BACKBONES[:3], datasets=["m-eurosat", "m-so2sat"], partitions=["0.01x_train", "1.00x_train"]
        ),
        *campaign("demo", BACKBONES[:2], ["demo-climate"], partitions=["1.00x_train"]),
        *incomplete,
        published("mp_mae", "m-eurosat", 0.7),
        published(HARMFUL, "m-eurosat", 0.71),
    ]
    return write_board(folder / "board.duckdb", records)


@pytest.fixture(scope="module")
def elements(db: Path) -> Elements:
    return report_of(db)


def test_the_file_needs_no_other(elements: Elements) -> None:
    for tag, attributes in elements.tags:
        for name in ("src", "href", "action", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    text = resources.files("leaderboards.report").joinpath("style.css").read_text()
    assert "url(" not in text
    assert "@import" not in text


def test_only_our_script_may_run_and_nothing_may_be_fetched(elements: Elements) -> None:
    (policy,) = [a["content"] for tag, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2]


def test_a_harmful_name_is_data_and_never_markup(elements: Elements, db: Path) -> None:
    assert [a.get("id") for tag, a in elements.tags if tag == "script"] == ["page-data", "details-data", None]
    assert HARMFUL in {row["backbone"] for row in rows(elements, "points")}
    assert "<!--" not in db.with_suffix(".html").read_text().partition("page-data")[2]


def test_backbones_have_the_colours_of_other_pictures() -> None:
    text = resources.files("leaderboards.report").joinpath("style.css").read_text()
    assert tuple(re.findall(r"--c\d: (#\w{6})", text.partition("@media")[0])) == COLOURS


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_never_turn_text_into_markup(script: str) -> None:
    text = resources.files("leaderboards.report").joinpath(script).read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert "</script" not in text


@pytest.mark.parametrize(
    ("table", "view"),
    [("points", "label_efficiency"), ("savings", "label_savings"), ("efficiency", "parameter_efficiency"),
     ("gaps", "published_gap"), ("runs", "scores"), ("ranking", "ranking")],
)  # fmt: skip
def test_every_number_is_that_of_the_view(elements: Elements, db: Path, table: str, view: str) -> None:
    found = rows(elements, table)
    of_view = {row[0] for row in run_query(db, f"DESCRIBE {view}").rows}
    columns = [name for name in found[0] if name in of_view]
    assert len(columns) > 5
    listed = run_query(db, f"SELECT {', '.join(columns)} FROM {view}").rows

    def plain(values: Any) -> list[str]:
        return [str(round(v, 6) if isinstance(v, float) else v) for v in values]

    assert sorted(plain(row[c] for c in columns) for row in found) == sorted(map(plain, listed))


def test_the_typical_saving_lies_between_those_of_two_datasets(elements: Elements) -> None:
    single = [
        row for row in rows(elements, "savings") if row["backbone"] == "mp_mae" and row["rival"] == "imagenet_mae"
    ]
    (typical,) = [
        row
        for row in rows(elements, "typical_savings")
        if row["backbone"] == "mp_mae" and row["rival"] == "imagenet_mae"
    ]
    assert len(single) == typical["n_datasets"] == 2
    for name in ("label_saving", "saving_low", "saving_high"):
        needed = [1 - row[name] for row in single]
        assert 1 - typical[name] == pytest.approx((needed[0] * needed[1]) ** 0.5, abs=1e-5)


def test_a_pair_is_told_apart_where_its_ranking_tells_it_apart(elements: Elements, db: Path) -> None:
    """On one dataset the ranking tests the same differences, and considers the same pairs."""
    key = GridKey("demo", "linear_probe", "cv", "partition", "1.00x_train", "measured")
    first, second = read_standings(db)[key]
    (row,) = [row for row in rows(elements, "differences") if row["suite"] == "demo"]
    assert row["apart"] == (first.ties != second.ties)
    assert row["dataset"] == "demo-climate"


def test_the_mean_difference_is_over_the_datasets_that_both_were_measured_on(elements: Elements) -> None:
    wanted = {"suite": SUITE, "partition": "0.01x_train", "backbone": "imagenet_mae", "rival": "mp_mae"}
    single = {row["dataset"]: row for row in rows(elements, "differences") if wanted.items() <= row.items()}
    mean = single.pop(None)
    assert mean["n_datasets"] == len(single) == 2
    assert mean["difference"] == pytest.approx(sum(row["difference"] for row in single.values()) / 2, abs=1e-6)
    variance = sum((row["high"] - row["low"]) ** 2 for row in single.values()) / 4
    assert mean["high"] - mean["low"] == pytest.approx(variance**0.5, rel=0.3)  # degrees of freedom differ


def test_who_was_run_in_two_setups_is_compared_with_nobody(tmp_path: Path) -> None:
    records = campaign(backbones=BACKBONES[:3], datasets=["m-eurosat"], partitions=["1.00x_train"])
    other = [
        replace(one, run=replace(one.run, run_id=one.run.run_id[::-1], configuration={"bands": ["B4"]}))
        for one in records
        if one.run.backbone == BACKBONES[0]
    ]
    found = rows(report_of(write_board(tmp_path / "board.duckdb", [*records, *other])), "differences")
    assert {name for row in found for name in (row["backbone"], row["rival"])} == set(BACKBONES[1:3])


def test_intervals_of_label_savings_are_those_of_compare(elements: Elements, db: Path) -> None:
    found = [r for r in rows(elements, "savings") if (r["backbone"], r["rival"]) == ("mp_mae", "imagenet_mae")]
    expected = {c.dataset: c.saving for c in compare(db, "mp_mae", "imagenet_mae") if c.saving is not None}
    assert len(found) == len(expected) == 2
    for row in found:
        saving = expected[row["dataset"]].saving
        assert (row["label_saving"], row["saving_low"], row["saving_high"]) == pytest.approx(saving, abs=1e-6)


def test_ties_of_the_ranking_are_those_of_the_statistics(elements: Elements, db: Path) -> None:
    found = [row for row in rows(elements, "ranking") if row["mean_rank"] is not None and row["source"] == "measured"]
    listed = {
        (*grid, *standing.entry): standing for grid, standings in read_standings(db).items() for standing in standings
    }
    keys = (*GridKey._fields, "backbone", "weights")
    assert len(found) == 8
    for row in found:
        standing = listed[tuple(row[key] for key in keys)]
        assert (row["place_low"], row["place_high"], row["ties"]) == (
            standing.place_low,
            standing.place_high,
            standing.ties,
        )
        assert row["ties"] is not None


def test_an_incomplete_backbone_is_not_ranked_and_says_what_is_missing(elements: Elements) -> None:
    (newcomer,) = [row for row in rows(elements, "ranking") if row["backbone"] == "newcomer"]
    assert newcomer["mean_rank"] is None
    assert newcomer["missing"] == ["m-so2sat"]
    assert newcomer["score"] is None


def test_single_seeds_have_no_interval(tmp_path: Path) -> None:
    elements = report_of(write_board(tmp_path / "b.duckdb", campaign(backbones=BACKBONES[:2], n_seeds=1)))
    found = rows(elements, "ranking")
    assert {(row["ties"], row["score_low"], row["fewest_seeds"]) for row in found} == {(None, None, 1)}
    assert all(row["mean_rank"] is not None for row in found)
    assert {row["saving_high"] for row in rows(elements, "savings")} == {None}


def test_simulated_and_published_are_ranked_apart(elements: Elements) -> None:
    for row in rows(elements, "ranking"):
        assert row["n_ranked"] in ({2} if row["source"] == "published" or row["suite"] == "demo" else {3, 1, None})
    assert json.loads(elements.scripts["page-data"])["simulated"] == ["demo", "areas"]


def test_details_hold_every_metric_and_the_configuration_of_each_run(elements: Elements, db: Path) -> None:
    runs, configurations = rows(elements, "runs"), rows(elements, "configuration", "details-data")
    counts = json.loads(elements.scripts["details-data"])["n_metrics"]
    metrics = rows(elements, "metrics", "details-data")
    at = next(i for i, row in enumerate(runs) if row["source"] == "measured" and row["seed"] == 2)
    mine = metrics[sum(counts[:at]) : sum(counts[: at + 1])]
    assert [(m["split"], m["value"]) for m in mine if m["split"] == "test"] == [("test", runs[at]["value"])]
    assert configurations[at]["seed"] == 2
    assert configurations[at]["backbone"] == runs[at]["backbone"]


def test_details_hold_the_command_of_each_run_that_show_prints(db: Path, tmp_path: Path) -> None:
    build_report(db, tmp_path / "report.html", reproducing_command)
    made = Elements((tmp_path / "report.html").read_text(encoding="utf-8"))
    runs, commands = rows(made, "runs"), rows(made, "commands", "details-data")
    assert {run["source"] for run in runs} == {"measured", "published"}
    some = [at for at, run in enumerate(runs) if run["source"] == "published" or run["seed"] == 2]
    for at in some:
        told = "".join(option + rest for option, rest in commands[at].items() if rest is not None)
        shown = find_run(db, runs[at]["run_id"]).command or ""
        assert sorted(told.split(" --")) == sorted(shown.split(" --")), "the same options, in whatever order"


def test_runs_below_their_floor_have_their_mark_and_the_line_that_explains_it(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    for backbone, value in (("imagestats", 0.5), ("low", 0.4), ("high", 0.6)):
        board.commit(published(backbone, "m-eurosat", value))
    (row,) = rows(report_of(board.path), "alarms")
    (alarm,) = read_alarms(board.path)
    assert (row["backbone"], row["mark"], row["told"]) == ("low", "!", alarm.describe())
    assert row["run_id"] in alarm.run_ids


def test_equal_texts_are_written_once() -> None:
    assert encode(["a", "b", "a", None]) == {"values": ["a", "b", None], "index": [0, 1, 0, 2]}
    assert encode(["same"] * 1000) == {"values": ["same"], "index": []}
    assert encode([{"k": 1}, {"k": 1}]) == {"values": [{"k": 1}], "index": []}
    assert encode([None, None]) == {"values": [None], "index": []}
    assert encode(["1", [1]]) == {"values": ["1", [1]], "index": [0, 1]}  # a text that looks like JSON stays a text
    assert encode([0.12345678, 2, None]) == [0.123457, 2, None]
    assert encode([3.2e-9, 0.012345678, -1.5e-7]) == [3.2e-9, 0.0123457, -1.5e-7]  # errors may be as small as that
    assert encode_table(["a"], []) == {"n": 0, "columns": {"a": {"values": [], "index": []}}}


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_axes_of_scores_of_any_size_have_few_ticks() -> None:
    """A network that diverged has the error it has, and beyond 2 ** 53 adding one to a number does not change it."""
    script = resources.files("leaderboards.report").joinpath("plot.js").read_text()
    functions = "".join(re.findall(r"^function (?:extent|linearTicks)\(.*?^}\n", script, re.MULTILINE | re.DOTALL))
    cases = "[[1e20], [1e16, 1e16 + 2], [-5e18, 0.3], [3e-9, 4e-9], [3e-9], [0.5], [0]]"
    count = f"console.log(JSON.stringify({cases}.map((v) => linearTicks(extent(v, 'linear'), 5).length)))"
    run = subprocess.run(["node", "-e", functions + count], capture_output=True, timeout=20, check=True)
    assert all(1 <= n <= 6 for n in json.loads(run.stdout))


def test_json_in_a_script_has_no_markup_and_reads_back() -> None:
    text = script_safe_json({HARMFUL: HARMFUL})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {HARMFUL: HARMFUL}


def test_building_twice_gives_the_same_file(db: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.html", tmp_path / "2.html"
    build_report(db, first)
    build_report(db, second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.html", "2.html"]


def test_bad_input_is_one_line(tmp_path: Path, db: Path) -> None:
    empty = tmp_path / "empty.duckdb"
    open_leaderboard(empty)
    with pytest.raises(UserError, match="has no runs to report"):
        build_report(empty, tmp_path / "report.html")
    with pytest.raises(UserError, match="no leaderboard here"):
        build_report(tmp_path / "none.duckdb", tmp_path / "report.html")
    with pytest.raises(UserError, match=r"ending in \.html"):
        build_report(db, db)  # would overwrite the leaderboard
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        build_report(db, tmp_path / "file" / "report.html")


def test_the_verb_writes_the_file_and_says_where(db: Path, tmp_path: Path) -> None:
    result = harness("report", "--db", db, "--out", "sub/report.html", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Wrote sub/report.html" in result.stderr
    assert (tmp_path / "sub/report.html").stat().st_size > 10_000


def test_a_report_that_cannot_take_its_place_leaves_nothing_behind(db: Path, tmp_path: Path) -> None:
    (tmp_path / "out.html" / "in the way").mkdir(parents=True)
    with pytest.raises(UserError, match=r"out\.html: cannot be written"):
        build_report(db, tmp_path / "out.html")
    assert os.listdir(tmp_path) == ["out.html"]
