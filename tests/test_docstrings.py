"""Docstrings are whole sentences, and the modules they name exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mp_mae", "baselines", "leaderboards", "harness")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
WITHOUT_SUBJECT = re.compile(r"(Of|Over|By|The same|Those|Theirs|Its|None if|Sees|Waits|For people|For programs)\b")
"""How a first sentence begins that leaves out what it is about."""


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "the module"), text


def defined(path: Path) -> set[str]:
    """Every name that a module defines or imports, of its classes and functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).rpartition(".")[2])
    return names


DEFINED = {module_of(path): defined(path) for path in FILES}
ROOMS = {part for module in DEFINED for part in module.split(".")[:2]}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_the_first_sentence_has_a_subject(path):
    for name, text in docstrings(path):
        assert not WITHOUT_SUBJECT.match(text), f"{path}: {name} says {text.splitlines()[0]!r}"


def is_there(name: str) -> bool:
    """Whether a dotted name is a module of ours, by the end of its path, or something that such a module defines."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        modules = [module for module in DEFINED if f".{module}".endswith("." + ".".join(parts[:end]))]
        if modules:
            return end == len(parts) or any(parts[end] in DEFINED[module] for module in modules)
    return False


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_modules_that_are_named_exist(path):
    for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", path.read_text()):
        if name.split(".")[0] in ROOMS and not re.search(r"\.(json|py|sql|js|safetensors|toml|jsonl)$", name):
            assert is_there(name), f"{path} names {name}, which is not there"
