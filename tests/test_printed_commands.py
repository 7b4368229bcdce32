"""Whatever the program prints may be typed: commands in its messages and pages have verbs and options that exist.

They are taken from the texts themselves, so that a message which nobody thought of listing is read too.
"""

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from harness.cli.app import app
from mp_mae.cli.app import build_parser

ROOT = Path(__file__).parent.parent
FILES = [path for room in ("harness", "baselines", "leaderboards", "mp_mae") for path in (ROOT / room).rglob("*.py")]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"python -m (harness|mp_mae)\b((?:\\\n|(?! [#|&>])[^`;\n])*)")
"""To the end of its line, or of several that are joined; not what is piped, redirected or a comment."""
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OF_OTHER_PROGRAMS = {
    "--repo-type", "--local-dir", "--upgrade", "--force-reinstall", "--porcelain", "--multi-gpu", "--dynamo-backend",
    "--head",
}  # fmt: skip
"""Of `hf download`, `pip install`, `git status`, `accelerate launch` and `ray start`."""


def verbs_of_harness() -> dict[str, set[str]]:
    found, waiting = {}, [("", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        found[name] = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        waiting += [(f"{name} {verb}".strip(), inner) for verb, inner in getattr(command, "commands", {}).items()]
    return found


def verbs_of_mp_mae() -> dict[str, set[str]]:
    found, waiting = {"": {"--help"}}, [("", build_parser())]
    while waiting:
        name, parser = waiting.pop()
        groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        inner = {f"{name} {verb}".strip(): below for group in groups for verb, below in group.choices.items()}
        found |= {verb: set(below._option_string_actions) for verb, below in inner.items()}
        waiting += inner.items()
    return found


VERBS = {"harness": verbs_of_harness(), "mp_mae": verbs_of_mp_mae()}
OPTIONS = set().union(*(options for verbs in VERBS.values() for options in verbs.values()))


def texts(path: Path) -> Iterator[str]:
    """Every string in a file. What an f-string puts in is `...`."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


PRINTED = [
    pytest.param(found[1], found[2].replace("\\\n", " "), id=f"{path.relative_to(ROOT)}: {found[0][:60]}")
    for path in (*FILES, *PAGES)
    for text in (texts(path) if path in FILES else [path.read_text()])
    for found in COMMAND.finditer(text)
]


def test_commands_are_found_where_there_are_some():
    told = {parameter.id.split(":")[0] for parameter in PRINTED}
    assert {"leaderboards/query.py", "harness/show/plots/curves.py", "baselines/weights/statistics.py"} <= told


@pytest.mark.parametrize(("program", "rest"), PRINTED)
def test_a_printed_command_has_a_verb_and_options_that_exist(program, rest):
    verbs, words = VERBS[program], rest.split()
    known = [n for n in (2, 1, 0) if " ".join(words[:n]).rstrip(".,:)") in verbs]
    verb = " ".join(words[: known[0]]).rstrip(".,:)")
    assert verb or not words or words[0].startswith((".", "(", "-", "<")), f"{program} has no verb {words[0]}"
    missing = set(OPTION.findall(rest)) - verbs[verb] if verb else set()
    assert not missing, f"python -m {program} {verb} has no {', '.join(sorted(missing))}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_option_that_a_text_names_exists(path):
    named = {option for text in texts(path) for option in OPTION.findall(text)}
    assert named - OPTIONS - OF_OTHER_PROGRAMS == set()
