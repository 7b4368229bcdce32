"""The report in a real browser: it draws, filters, sorts, explains itself, and shows what SQL says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import browser, choose, count_coloured, emulate, find, open_page, press, problems, texts
from leaderboards.query import run_query
from leaderboards.report.build import build_report
from report_boards import BACKBONES, SUITE, campaign, published, write_board

HARMFUL = "</script><img src=x onerror=alert(1)>\"'&é中/../x"
DATASETS = ("m-eurosat", "m-so2sat")
PARTITIONS = ("0.01x_train", "0.10x_train", "1.00x_train")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [
        *campaign(backbones=[*BACKBONES[:3], HARMFUL], datasets=DATASETS, partitions=PARTITIONS),
        *campaign(backbones=BACKBONES[:2], datasets=DATASETS[:1], protocols=["knn"], partitions=PARTITIONS[:2]),
        *campaign("demo", BACKBONES[:2], ["demo-climate"], partitions=["1.00x_train"]),
        published("mp_mae", "m-eurosat", 0.7),
    ]
    return write_board(tmp_path_factory.mktemp("page") / "board.duckdb", records)


@pytest.fixture(scope="module")
def driver(db: Path) -> Iterator[Any]:
    with browser() as started:
        build_report(db, db.with_suffix(".html"))
        yield started


@pytest.fixture
def page(driver: Any, db: Path) -> Any:
    emulate(driver)
    open_page(driver, db.with_suffix(".html"))
    return driver


def test_nothing_complains_whatever_is_chosen(page: Any) -> None:
    for control, text in [
        ("x-scale", "linear"), ("x-kind", "share of the train split"), ("partition", "0.01x_train"),
        ("savings-dataset", "m-eurosat"), ("how", "knn"), ("runs-source", "published"), ("suite", "demo (simulated)"),
    ]:  # fmt: skip
        choose(page, control, text)
    for button in ("#models button:last-child", "#datasets button:last-child", "#runs-head th:nth-child(4) button"):
        press(page, button)
    press(page, "#runs-body button")
    assert problems(page) == []


def test_the_ranking_shows_what_sql_says(page: Any, db: Path) -> None:
    choose(page, "partition", "0.10x_train")
    listed = run_query(
        db,
        "SELECT printf('%.2f', mean_rank) || ' ' || printf('%.0f %%', 100 * win_rate) FROM ranking "
        f"WHERE suite = '{SUITE}' AND protocol = 'linear_probe' AND partition = '0.10x_train' AND source = 'measured' "
        "ORDER BY mean_rank",
    ).rows
    ranks = [text.split(" [")[0] for text in texts(page, "#ranking tbody td:nth-child(5)")]
    wins = [text.split(" [")[0] for text in texts(page, "#ranking tbody td:nth-child(6)")]
    assert [f"{rank} {win}" for rank, win in zip(ranks, wins, strict=True)] == [row[0] for row in listed]
    assert all("[" in text for text in texts(page, "#ranking tbody td:nth-child(7)"))


@pytest.mark.parametrize(
    ("control", "choice", "condition"),
    [
        ("runs-dataset", "m-so2sat", "dataset = 'm-so2sat' AND source = 'measured'"),
        ("runs-model", "optical_mae", "backbone = 'optical_mae' AND source = 'measured'"),
        ("runs-protocol", "knn", "protocol = 'knn' AND source = 'measured'"),
        ("runs-partition", "0.01x_train", "partition = '0.01x_train' AND source = 'measured'"),
        ("runs-source", "published", "source = 'published'"),
        ("runs-model", HARMFUL, "starts_with(backbone, '</script>') AND source = 'measured'"),
    ],
)
def test_a_filter_leaves_the_runs_that_sql_finds(
    page: Any, db: Path, control: str, choice: str, condition: str
) -> None:
    choose(page, control, choice)
    ((n, best),) = run_query(
        db, f"SELECT count(*), max(value) FROM scores WHERE suite = '{SUITE}' AND {condition}"
    ).rows
    assert texts(page, "#runs-count")[0].endswith(f"of {n} runs")
    assert texts(page, "#runs-body tr:first-child td:nth-child(8)") == [f"{best:.3f}"]


def test_words_filter_runs_and_none_found_is_said(page: Any, db: Path) -> None:
    find(page, "#runs-text").send_keys("EUROSAT seed=2 knn")
    ((n,),) = run_query(
        db, "SELECT count(*) FROM scores WHERE dataset = 'm-eurosat' AND seed = 2 AND protocol = 'knn'"
    ).rows
    assert texts(page, "#runs-count") == [f"1 – {n} of {n} runs"]
    find(page, "#runs-text").send_keys(" nonsense")
    assert texts(page, "#runs-count") == ["No run matches; clear a filter."]


def test_columns_sort_both_ways_by_keyboard(page: Any, db: Path) -> None:
    head = find(page, "#runs-head th:nth-child(6) button")
    head.send_keys("\n")
    assert texts(page, "#runs-body tr:first-child td:nth-child(6)") == ["2000"]
    page.switch_to.active_element.send_keys("\n")  # the focus stays on the column
    assert texts(page, "#runs-body tr:first-child td:nth-child(6)") == ["20"]
    assert find(page, "#runs-head th:nth-child(6)").get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize(
    "chart", ["#curves svg.plot", "#efficiency svg.plot", "#ranking svg.interval", "#heat table", "#savings table"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_not_empty(page: Any, chart: str, scheme: str) -> None:
    emulate(page, scheme=scheme)
    drawn = count_coloured(page, chart)
    assert drawn > 50
    page.execute_script(
        "document.querySelectorAll('.series, .mark, .whisker, .matrix td').forEach((data) => data.remove())"
    )
    assert count_coloured(page, chart) < drawn / 20  # so the count is of the data, and an empty chart would fail


def test_a_point_says_its_score_under_the_mouse_and_to_the_keyboard(page: Any, db: Path) -> None:
    from selenium.webdriver import ActionChains

    ((value,),) = run_query(
        db,
        "SELECT printf('%.3f', value) FROM label_efficiency WHERE dataset = 'm-eurosat' AND backbone = 'mp_mae' AND "
        "source = 'measured' AND protocol = 'linear_probe' AND partition = '0.01x_train'",
    ).rows
    names = texts(page, "#models label")
    for other in (*BACKBONES[1:3], HARMFUL):  # one curve is left, so the first point is its
        press(page, f"#models label:nth-child({names.index(other) + 1}) input")
    plot = find(page, "#curves svg.plot")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", plot)
    plot.send_keys("\ue014\ue014\ue012")  # arrows: right, right, left
    tip = f"mp_mae@abababab accuracy {value} ["  # published results of that name have other weights
    assert texts(page, "#tip")[0].startswith(tip)
    assert "20 labels" in texts(page, "#tip")[0]
    plot.send_keys("\ue00c")  # escape
    assert not find(page, "#tip").is_displayed()
    ActionChains(page).move_to_element(find(page, "#curves svg.plot .series .mark")).perform()
    assert texts(page, "#tip")[0].startswith(tip)


def test_backbones_and_datasets_can_be_chosen(page: Any) -> None:
    assert texts(page, "#curves figcaption") == list(DATASETS)
    press(page, "#datasets label:first-child input")
    assert texts(page, "#curves figcaption") == ["m-so2sat"]
    before = len(page.find_elements("css selector", "#curves .series"))
    press(page, f"#models label:nth-child({texts(page, '#models label').index(BACKBONES[1]) + 1}) input")
    assert len(page.find_elements("css selector", "#curves .series")) == before - 1
    press(page, "#models button:last-child")
    assert "No curve with this choice" in texts(page, "#curves")[0]


def test_simulated_runs_are_labelled_and_never_shown_with_real_ones(page: Any) -> None:
    assert not find(page, "#simulated").is_displayed()
    assert texts(page, "#ranking tbody tr")
    choose(page, "suite", "demo (simulated)")
    assert find(page, "#simulated").is_displayed()
    assert texts(page, "#curves figcaption") == ["demo-climate"]
    assert len(texts(page, "#ranking tbody tr")) == 2
    assert set(texts(page, "#runs-body td:nth-child(2)")) == {"demo-climate"}


def test_published_numbers_are_marked_and_not_ranked_with_ours(page: Any) -> None:
    assert "published" not in " ".join(texts(page, "#ranking"))
    choose(page, "runs-source", "published")
    assert texts(page, "#runs-body td:first-child") == ["mp_mae published"]
    choose(page, "x-kind", "share of the train split")
    assert len(page.find_elements("css selector", "#curves .series.published .mark.hollow")) == 1


def test_a_harmful_name_is_shown_as_it_is(page: Any) -> None:
    assert HARMFUL in texts(page, "#models label")
    assert page.execute_script("return document.querySelectorAll('img').length") == 0
    assert problems(page) == []


def test_a_run_opens_with_its_details(page: Any, db: Path) -> None:
    press(page, "#runs-body button")
    ((best,),) = run_query(
        db, f"SELECT arg_max(run_id, value) FROM scores WHERE suite = '{SUITE}' AND source = 'measured'"
    ).rows
    shown = texts(page, "#run-body")[0]
    assert f"python -m harness show {best[:12]}" in shown
    assert '["B2","B3","B4"]' in shown
    press(page, "#run-close")
    assert not find(page, "#run").is_displayed()


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_fits_the_screen(page: Any, width: int) -> None:
    emulate(page, width=width)
    page.refresh()
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_dark_is_dark(page: Any) -> None:
    def brightness() -> int:
        colour = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour[4:-1].split(","))

    assert brightness() > 700
    emulate(page, scheme="dark")
    assert brightness() < 100
