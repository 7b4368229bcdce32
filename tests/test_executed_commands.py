"""Whatever the program prints may be typed: commands in its messages and pages that read results find some.

They are executed on a leaderboard of the names that they use. Every other one is of a verb that is named below with the
reason, and of that the help is asked for, which names its options.
"""

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from command_line import harness
from leaderboards.schema import RunRecord
from report_boards import campaign, run_id, write_board
from test_printed_commands import FILES, PAGES, PRINTED, texts

READING = {
    "leaderboard", "sql", "show", "curve", "bands", "check", "compare", "ranking", "report", "published", "export",
    "replay", "backbones", "cache list",
}  # fmt: skip
"""Verbs that are executed with their own words."""

NOT_EXECUTED = {
    "run": "computes for minutes, on data or weights of whoever asks; test_planned_commands.py plans them",
    "datasets": "lists data of whoever asks",
    "embed": "embeds images of whoever asks; tests/harness/show/embeddings/ has its own",
    "embeddings": "embeds whole datasets; tests/harness/show/embeddings/ has its own",
    "multimodal": "embeds whole areas; tests/harness/multimodal/ has its own",
    "data demo": "simulates for minutes; tests/harness/demo/ has its own",
    "data areas": "simulates for minutes; tests/harness/demo/ has its own",
    "data import": "reads images of whoever asks; tests/harness/data/own/ has its own",
    "data download": "fetches what others publish; tests/harness/data/downloads/ has its own",
    "data verify": "reads data of whoever asks; tests/harness/data/downloads/ has its own",
    "data list": "lists data of whoever asks; tests/harness/data/downloads/ has its own",
    "backbones check": "builds networks of whoever asks; tests/baselines/test_conformance.py has its own",
    "cache prune": "removes what is kept; tests/harness/store/ has its own",
    "status": "looks at grids of whoever asks; tests/harness/campaign/test_failed_runs.py has its own",
    "import": "reads leaderboards of a cluster; tests/leaderboards/test_merge.py has its own",
}
"""Verbs of which the help is asked for instead."""

NOT_HERE = {"export submission --format geobench2-submission": "wants runs on all of GEO-Bench-2"}
BARE = {
    "compare": ["mp_mae", "optical_mae"],
    "check": ["--baseline", "baseline.json"],
    "show": ["3f2a"],
    "report": ["--out", "report.html"],
    "export": ["board.csv"],
    "cache list": ["--cache-dir", "cache"],
}
"""What is put behind a verb that a text names alone, and that wants more or would look into the tester's own cache."""

BACKBONES = (
    "mp_mae", "optical_mae", "rgb_mae", "imagenet_mae", "image_statistics", "random_init", "random_init_demo", "first",
    "second", "my_model.py:build", "contrastive_6", "contrastive_convnext_6", "mp_mae_6",
    "optical_mae_6", "clip",
)  # fmt: skip
DATASETS = ("demo-climate", "demo-landcover")
BOARDS = ("findings", "bands", "check", "margins", "objectives")
"""Leaderboards that pages fill under a name of their own."""
QUERY = re.compile(r'python -m harness (sql (?:--format \w+ )?"[^"`]*[^".`][^"`]*")')
"""A query may be of several lines."""


def taken_apart(rest: str) -> tuple[str, str]:
    """The verb of a printed command, and the words behind it; no verb where none is known."""
    verbs = sorted([*READING, *NOT_EXECUTED], key=len, reverse=True)
    verb = next((verb for verb in verbs if re.match(rf"{verb}\b", rest)), "")
    words = rest.removeprefix(verb).strip()
    return verb, words if words.endswith("...") else words.rstrip(").,:")


SAID = [taken_apart(rest.strip()) for program, rest in (said.values for said in PRINTED) if program == "harness"]
QUERIES = [
    query
    for path in (*FILES, *PAGES)
    for text in (texts(path) if path in FILES else [path.read_text()])
    for query in QUERY.findall(text)
]
READ = [f"{verb} {words}".strip() for verb, words in SAID if verb in READING - {"sql"} and "..." not in words]
"""Where `...` stands, names are put in when it is printed."""
COMMANDS = list(dict.fromkeys([*READ, *QUERIES]))


def fed_otherwise(record: RunRecord, number: int) -> RunRecord:
    """The same run with a band lost at test, which costs something."""
    run, bands = record.run, ["B2", "B3", "B4"]
    fed = {"bands": bands, "band_sources": [bands[0], bands[1], None]}
    told = {"band_sets": {"train": bands, "test": bands[:2]}, "test_feed": fed}
    metrics = [replace(row, value=(row.value or 0) - 0.1 - 0.01 * number) for row in record.metrics]
    made = replace(run, run_id=run_id("fed otherwise", run.run_id), configuration=run.configuration | told)
    return replace(record, run=made, metrics=metrics)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Leaderboards under every name that is printed, and a baseline of one."""
    root = tmp_path_factory.mktemp("printed")
    for name in ("leaderboards", "docs"):
        (root / name).mkdir()
    protocols, partitions = ("linear_probe", "fine_tune"), ("0.01x_train", "0.10x_train", "1.00x_train")
    records = campaign("demo", BACKBONES, DATASETS, protocols, partitions)
    lost = [record for record in records if record.run.dataset == "demo-landcover" and record.run.backbone == "mp_mae"]
    records += [fed_otherwise(record, number) for number, record in enumerate(lost)]
    first = records[0]
    records[0] = replace(first, run=replace(first.run, run_id="3f2a" + first.run.run_id[4:]))
    board = write_board(root / "leaderboards" / "leaderboard.duckdb", records)
    for name in BOARDS:
        shutil.copy(board, root / f"{name}.duckdb")
    made = harness("check", "--baseline", "baseline.json", "--update", cwd=root)
    assert made.returncode == 0, made.stderr
    return root


@pytest.fixture(scope="module")
def two_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard with one backbone of two weights, which only their digits tell apart."""
    root = tmp_path_factory.mktemp("weights")
    (root / "leaderboards").mkdir()
    records = [
        replace(record, run=replace(record.run, run_id=run_id(digits, record.run.run_id), weights_sha256=digits * 8))
        for digits in ("0123abcd", "89ef4567")
        for record in campaign("demo", ("mp_mae",), DATASETS)
    ]
    write_board(root / "leaderboards" / "leaderboard.duckdb", records)
    return root


def put_in(words: Sequence[str], folder: Path) -> list[str]:
    """The words with what stands for a name of the user's own."""
    names = {"RUN": "3f2a", "$GITHUB_STEP_SUMMARY": "summary.md", "/scratch/cache": str(folder / "cache")}
    return [names.get(word, word) for word in words]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in NOT_HERE])
def test_a_printed_command_that_reads_finds_something(
    command: str, folder: Path, two_weights: Path, tmp_path: Path
) -> None:
    here = two_weights if "@" in command else folder
    if command.startswith(("published", "export", "replay", "check")):  # they write
        here = Path(shutil.copytree(here, tmp_path / "copy"))
    words = put_in(shlex.split(command), here)
    words += BARE.get(" ".join(words), [])
    done = harness(*words, cwd=here)
    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")
    if words[0] == "check":
        assert re.search(r"^\d+ ok", done.stdout, re.MULTILINE)
    elif not {"published", "export", "replay", "cache", "--out"} & set(words):
        assert len(done.stdout.splitlines()) > 1, "nothing is found"
    for option, made in pairwise(words):
        if option in ("--out", "--junit", "--markdown"):
            assert (here / made).stat().st_size


def test_every_printed_verb_is_executed_or_has_a_reason() -> None:
    unknown = {words for verb, words in SAID if not verb and re.match(r"[a-z]", words)}
    assert unknown == {"data", "cache"}, "which have verbs below them"
    assert {taken_apart(command)[0] for command in COMMANDS} == READING
    assert set(COMMANDS) >= set(NOT_HERE)


@pytest.mark.parametrize("verb", NOT_EXECUTED)
def test_a_verb_that_is_not_executed_says_its_options(verb: str, tmp_path: Path) -> None:
    done = harness(*verb.split(), "--help", cwd=tmp_path)
    assert done.returncode == 0
    printed = {option for said, words in SAID if said == verb for option in re.findall(r"(?<!\S)(--[a-z-]+)", words)}
    assert {option for option in printed if option not in done.stdout} == set()
