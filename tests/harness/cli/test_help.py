"""`--help` teaches: every verb is listed under a heading, and the first steps stand below."""

import re
from pathlib import Path

import harness.cli
from command_line import harness as run
from harness.cli.app import app
from harness.cli.terminal import EVALUATING, KEEPING, READING

NOT_VERBS = {"__init__", "app", "interruption", "terminal"}


def test_the_verbs_are_listed_under_headings_and_the_first_steps_below(tmp_path):
    shown = run("--help", cwd=tmp_path).stdout
    found = re.findall(r"─ (\w[\w ]*) ─|^│ ([a-z]+)  ", shown, re.M)
    headings: dict[str, list[str]] = {}
    for heading, verb in found:
        if heading:
            headings[heading] = []
        elif headings:
            headings[list(headings)[-1]].append(verb)
    assert headings[EVALUATING] == ["run", "datasets", "multimodal", "embed", "backbones", "data"]
    assert headings[READING] == [
        "status",
        "leaderboard",
        "sql",
        "show",
        "curve",
        "bands",
        "check",
        "compare",
        "ranking",
        "report",
        "embeddings",
    ]
    assert headings[KEEPING] == ["published", "export", "import", "replay", "cache"]
    assert shown.index("python -m harness run --backbone all") > shown.index("cache")


def test_no_text_suggests_a_query_of_all_columns():
    """They fit no terminal: a suggestion names those that answer the question."""
    root = Path(harness.__file__).parents[1]
    for path in (root / "README.md", *root.glob("docs/**/*.md"), *root.glob("harness/**/*.py")):
        assert not re.search(r"harness sql[^`]*SELECT \*", path.read_text()), path


def test_each_file_of_verbs_registers_them_itself():
    folder = Path(harness.cli.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - NOT_VERBS | {"data"}
    commands = [*app.registered_commands]
    commands += [command for group in app.registered_groups for command in group.typer_instance.registered_commands]
    assert {command.callback.__module__.split(".")[2] for command in commands} == files
