"""The report in a real browser: it draws, filters, sorts, explains itself, and shows what SQL says."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from browser import browser, choose, count_coloured, emulate, find, open_page, press, problems, texts
from leaderboards.query import run_query
from leaderboards.report.build import build_report
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.ranking import GridKey, read_standings
from report_boards import BACKBONES, SUITE, campaign, published, write_board

CONTRASTS = """
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colours) => {  // painted over each other, whatever their notation
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [];
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    for (const element of document.querySelectorAll("body *")) {
        if (!element.checkVisibility() || !hasText(element)) continue;
        const behind = [];
        for (let on = element; on; on = on.parentElement) behind.unshift(getComputedStyle(on).backgroundColor);
        const style = getComputedStyle(element);
        const text = element instanceof SVGElement ? style.fill : style.color;
        const [low, high] = [light(rgba(behind)), light(rgba([...behind, text]))].sort((a, b) => a - b);
        found.push([element.textContent.trim().slice(0, 40), (high + 0.05) / (low + 0.05)]);
    }
    return found;
"""
"""The contrast of every text with what it stands on, as WCAG counts it."""
HARMFUL = "</script><img src=x onerror=alert(1)>\"'&é中/../x"
DATASETS = ("m-eurosat", "m-so2sat")
PARTITIONS = ("0.01x_train", "0.10x_train", "1.00x_train")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [
        *campaign(backbones=[*BACKBONES[:3], HARMFUL], datasets=DATASETS, partitions=PARTITIONS),
        *campaign(backbones=BACKBONES[:1], datasets=DATASETS[:1], protocols=["knn"], partitions=PARTITIONS[:2]),
        *campaign("demo", BACKBONES[:2], ["demo-climate"], partitions=["1.00x_train"]),
        *campaign("demo", BACKBONES[2:3], ["demo-climate"], partitions=["1.00x_train"], n_seeds=1),
        *(replace(one, run=replace(one.run, metric="f1"), metrics=[replace(m, metric="f1") for m in one.metrics])
          for one in campaign(backbones=BACKBONES[:2], datasets=["m-bigearthnet"], protocols=["linear_probe_sgd"],
                              partitions=PARTITIONS[:1])),
        published("mp_mae", "m-eurosat", 0.7),
    ]  # fmt: skip
    return write_board(tmp_path_factory.mktemp("page") / "board.duckdb", records)


@pytest.fixture(scope="module")
def driver(db: Path) -> Iterator[Any]:
    with browser() as started:
        build_report(
            db,
            db.with_suffix(".html"),
            lambda backbone, made, _: f"python -m harness run --backbone {backbone} --seeds {made['seed']}",
        )
        yield started


@pytest.fixture
def page(driver: Any, db: Path) -> Any:
    emulate(driver)
    open_page(driver, db.with_suffix(".html"))
    return driver


def cells(driver: Any, css: str) -> list[list[str]]:
    """The cells of each such row, once there is one: tables of numbers are made when they are opened."""
    script = (
        "return [...document.querySelectorAll(arguments[0])].map((row) => [...row.cells].map((e) => e.textContent))"
    )
    until = time.monotonic() + 20
    while not (rows := driver.execute_script(script, css)) and time.monotonic() < until:
        time.sleep(0.05)
    return rows


def wait_for(path: Path) -> Path:
    """A file that is being downloaded."""
    until = time.monotonic() + 20
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return path


def test_nothing_complains_whatever_is_chosen(page: Any) -> None:
    for control, text in [
        ("x-kind", "share of the train split"), ("partition", "20 labels (0.01x_train)"), ("against", "optical_mae"),
        ("savings-dataset", "m-eurosat"), ("how", "knn"), ("runs-grain", "single runs"), ("runs-source", "published"),
        ("suite", "demo (simulated)"),
    ]:  # fmt: skip
        choose(page, control, text)
    for button in ("#backbones summary", "#models button:last-child", "#runs-head th:nth-child(4) button"):
        press(page, button)
    press(page, "#runs-body button")
    assert problems(page) == []


def test_the_first_sentence_names_who_cannot_be_told_apart_and_no_winner_among_them(page: Any, db: Path) -> None:
    key = GridKey(SUITE, "linear_probe", "cv", "partition", "0.01x_train", "measured")
    first, *others = read_standings(db)[key]
    assert first.ties is not None
    tied = [one for one in others if set(one.ties or "") & set(first.ties)]
    choose(page, "partition", "20 labels (0.01x_train)")
    (sentence,) = texts(page, "#verdict .sentence")
    if tied:
        assert sentence.startswith("No clear winner: ")
        assert all(one.entry.backbone in sentence for one in tied)
    else:
        assert sentence == f"{first.entry.backbone}@abababab is ahead of all 3 others, with 20 labels, on 2 tasks."


def test_of_a_single_seed_it_is_said_that_nobody_knows_its_noise(page: Any) -> None:
    choose(page, "suite", "demo (simulated)")
    sentence, *more = texts(page, "#verdict p")
    assert sentence == f"No clear winner: too little is known of {BACKBONES[2]}, with 2000 labels, on 1 task."
    assert more[-1].startswith(f"Nobody knows how far noise moves the difference from {BACKBONES[2]}: one seed")
    assert len(page.find_elements("css selector", "#curve .mark.hollow")) == 1


def test_a_backbone_alone_is_no_comparison_yet(page: Any) -> None:
    choose(page, "how", "knn")
    assert texts(page, "#verdict p") == [
        "No comparison yet: only mp_mae@abababab was measured by knn.",
        "Run another beside it: python -m harness run --backbone image_statistics --protocols knn",
    ]


def test_the_ranking_shows_what_sql_says(page: Any, db: Path) -> None:
    choose(page, "partition", "200 labels (0.10x_train)")
    listed = run_query(
        db,
        "SELECT printf('%.2f', mean_rank) FROM ranking WHERE suite = '"
        f"{SUITE}' AND protocol = 'linear_probe' AND partition = '0.10x_train' AND source = 'measured' "
        "ORDER BY mean_rank",
    ).rows
    assert texts(page, "#ranking tbody td:nth-child(6)") == [row[0] for row in listed]
    assert all("[" in text for text in texts(page, "#ranking tbody td:nth-child(7)"))


def test_differences_are_those_of_compare_and_ties_are_grey(page: Any, db: Path) -> None:
    choose(page, "against", "mp_mae@abababab")
    press(page, "#forest summary")
    shown = {(row[0], row[2]): row for row in cells(page, "#forest tbody tr")}
    for rival in BACKBONES[1:3]:
        (row,) = [one for one in compare(db, "mp_mae@abababab", rival) if one.dataset == "m-eurosat"]
        found = [float(value) for value in shown["m-eurosat", rival][3:6]]
        assert found == pytest.approx(list(row.difference), abs=1e-5)
    assert len(shown) == 6  # three rivals on the task, and over both
    ties = sum(row[6] == "no" for row in shown.values())
    assert len(page.find_elements("css selector", "#forest .tie")) == ties


def test_what_is_chosen_stands_in_the_address_and_comes_back_from_it(page: Any, db: Path) -> None:
    choose(page, "partition", "20 labels (0.01x_train)")
    choose(page, "against", "optical_mae")
    press(page, "#tabs button:last-child")
    press(page, "#backbones summary")
    press(page, "#models label:first-child input")
    chosen = "[...document.querySelectorAll('#controls select, #against')].map((one) => one.value)"
    before = page.execute_script(f"return {chosen}"), texts(page, "#tabs [aria-selected=true], #n-models")
    address = page.execute_script("return location.href")
    page.get("about:blank")
    page.get(address)
    assert (page.execute_script(f"return {chosen}"), texts(page, "#tabs [aria-selected=true], #n-models")) == before
    assert before[1] == ["4 of 5", "m-so2sat"]
    page.get("about:blank")
    page.get(address.partition("#")[0] + "#suite=none&labels=x&task=%3Cb%3E&backbone=nobody&against=nobody")
    assert texts(page, "#n-models") == ["5 of 5"]
    assert problems(page) == []


def test_texts_stand_out_from_what_they_stand_on(page: Any) -> None:
    for scheme in ("light", "dark"):
        emulate(page, scheme=scheme)
        poor = page.execute_script(CONTRASTS)
        assert [text for text, ratio in poor if ratio < 4.5] == []
        assert len(poor) > 200


def test_numbers_and_pictures_can_be_taken_away(page: Any, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    for button in ("#curve .downloads button:first-child", "#curve .downloads .svg"):
        press(page, button)
    table, picture = (wait_for(tmp_path / f"curves-m-eurosat.{ending}") for ending in ("csv", "svg"))
    header, *lines = table.read_text().splitlines()
    assert header.startswith("backbone,partition,labels,score,low,high,seeds")
    assert len(lines) == len(PARTITIONS) * 4 + 1  # and the published number
    root = ElementTree.fromstring(picture.read_text())
    assert "var(" not in picture.read_text()
    assert (
        len([e for e in root.iter() if e.get("class") == "line"]) == 4
    )  # of a published number nobody knows the labels


def test_all_scores_begin_with_means_and_lead_to_the_runs_they_are_of(page: Any, db: Path) -> None:
    ((n,),) = run_query(
        db, f"SELECT count(*) FROM label_efficiency WHERE suite = '{SUITE}' AND source = 'measured'"
    ).rows
    assert texts(page, "#runs-count") == [f"1 – {n} of {n} means"]
    press(page, "#runs-body button")
    assert texts(page, "#runs-count") == ["1 – 3 of 3 runs"]


def test_scores_of_different_metrics_are_never_in_one_order(page: Any) -> None:
    for _ in range(2):
        press(page, "#runs-head th:nth-child(8) button")
        metrics = texts(page, "#runs-body td:nth-child(7)")
        assert metrics == sorted(metrics)
        assert set(metrics) == {"accuracy", "f1"}


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
    choose(page, "runs-grain", "single runs")
    choose(page, control, choice)
    ((n, best),) = run_query(
        db, f"SELECT count(*), max(value) FROM scores WHERE suite = '{SUITE}' AND {condition}"
    ).rows
    assert texts(page, "#runs-count")[0].endswith(f"of {n} runs")
    assert texts(page, "#runs-body tr:first-child td:nth-child(8)") == [f"{best:.3f}"]


def test_words_filter_runs_and_none_found_is_said(page: Any, db: Path) -> None:
    choose(page, "runs-grain", "single runs")
    find(page, "#runs-text").send_keys("EUROSAT seed=2 knn")
    ((n,),) = run_query(
        db, "SELECT count(*) FROM scores WHERE dataset = 'm-eurosat' AND seed = 2 AND protocol = 'knn'"
    ).rows
    assert texts(page, "#runs-count") == [f"1 – {n} of {n} runs"]
    find(page, "#runs-text").send_keys(" nonsense")
    assert texts(page, "#runs-count") == ["Nothing matches; clear a filter."]


def test_columns_sort_both_ways_by_keyboard(page: Any, db: Path) -> None:
    head = find(page, "#runs-head th:nth-child(6) button")
    head.send_keys("\n")
    assert texts(page, "#runs-body tr:first-child td:nth-child(6)") == ["2000"]
    page.switch_to.active_element.send_keys("\n")  # the focus stays on the column
    assert texts(page, "#runs-body tr:first-child td:nth-child(6)") == ["20"]
    assert find(page, "#runs-head th:nth-child(6)").get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize(
    "chart",
    [
        "#curve svg.plot",
        "#forest svg.plot",
        "#efficiency svg.plot",
        "#ranking svg.interval",
        "#heat table",
        "#savings table",
    ],
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
    press(page, "#backbones summary")
    names = texts(page, "#models label")
    for other in (*BACKBONES[1:3], HARMFUL):  # one curve is left, so the first point is its
        press(page, f"#models label:nth-child({names.index(other) + 1}) input")
    plot = find(page, "#curve svg.plot")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", plot)
    plot.send_keys("\ue014\ue014\ue012")  # arrows: right, right, left
    tip = f"mp_mae@abababab accuracy {value} ["  # published results of that name have other weights
    assert texts(page, "#tip")[0].startswith(tip)
    assert "20 labels" in texts(page, "#tip")[0]
    plot.send_keys("\ue00c")  # escape
    assert not find(page, "#tip").is_displayed()
    ActionChains(page).move_to_element(find(page, "#curve svg.plot .series .mark")).perform()
    assert texts(page, "#tip")[0].startswith(tip)


def test_tasks_and_backbones_can_be_chosen(page: Any) -> None:
    assert texts(page, "#tabs button") == texts(page, "#tasks figcaption") == list(DATASETS)
    find(page, "#tabs button").send_keys("\ue014")  # arrow: right
    assert texts(page, "#curve figcaption") == ["m-so2sat"]
    before = len(page.find_elements("css selector", "#curve .series"))
    press(page, "#backbones summary")
    press(page, f"#models label:nth-child({texts(page, '#models label').index(BACKBONES[1]) + 1}) input")
    assert len(page.find_elements("css selector", "#curve .series")) == before - 1
    press(page, "#models button:last-child")
    assert "No curve with this choice" in texts(page, "#curve")[0]


def test_simulated_runs_are_labelled_and_never_shown_with_real_ones(page: Any) -> None:
    assert not find(page, "#simulated").is_displayed()
    assert texts(page, "#ranking tbody tr")
    choose(page, "suite", "demo (simulated)")
    assert find(page, "#simulated").is_displayed()
    assert texts(page, "#curve figcaption") == ["demo-climate"]
    assert len(texts(page, "#ranking tbody tr")) == 3
    assert set(texts(page, "#runs-body td:nth-child(2)")) == {"demo-climate"}


def test_published_numbers_are_marked_and_not_ranked_with_ours(page: Any) -> None:
    assert "published" not in " ".join(texts(page, "#ranking"))
    choose(page, "runs-source", "published")
    assert texts(page, "#runs-body td:first-child") == ["mp_mae published"]
    choose(page, "x-kind", "share of the train split")
    assert len(page.find_elements("css selector", "#curve .series.published .mark.hollow")) == 1


def test_a_harmful_name_is_shown_as_it_is(page: Any) -> None:
    press(page, "#backbones summary")
    assert HARMFUL in texts(page, "#models label")
    assert page.execute_script("return document.querySelectorAll('img').length") == 0
    assert problems(page) == []


def test_a_run_opens_with_its_details(page: Any, db: Path) -> None:
    choose(page, "runs-grain", "single runs")
    press(page, "#runs-body button")
    ((run_id, backbone, seed),) = run_query(
        db,
        "SELECT run_id, backbone, seed FROM scores "
        f"WHERE suite = '{SUITE}' AND source = 'measured' AND metric = 'accuracy' ORDER BY value DESC LIMIT 1",
    ).rows
    shown = texts(page, "#run-body")[0]
    assert run_id in shown
    assert f"python -m harness run --backbone {backbone} --seeds {seed}" in shown
    assert '["B2","B3","B4"]' in shown
    press(page, "#run-close")
    assert not find(page, "#run").is_displayed()


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_fits_the_screen(page: Any, width: int) -> None:
    emulate(page, width=width)
    page.refresh()
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    hints = page.execute_script("return [...document.querySelectorAll('.scroll')].map((e) => e.matches('.wide'))")
    assert any(hints) or width > 360  # a table that is wider than its place says so


def test_dark_is_dark(page: Any) -> None:
    def brightness() -> int:
        colour = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour[4:-1].split(","))

    assert brightness() > 700
    emulate(page, scheme="dark")
    assert brightness() < 100
