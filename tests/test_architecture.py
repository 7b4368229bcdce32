"""The floor plan of docs/architecture.md holds: imports go down only, files and functions stay readable."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).parent.parent
PACKAGES = ("mp_mae", "baselines", "leaderboards", "harness")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MAY_IMPORT = {
    "mp_mae": {"mp_mae"},
    "leaderboards": {"leaderboards"},
    "baselines": {"baselines", "mp_mae"},
    "harness": set(PACKAGES),
}
FORBIDDEN_LIBRARIES = {
    "leaderboards": {"torch", "timm", "sklearn"},
    "mp_mae": {"duckdb", "optuna", "pandas", "sklearn", "scipy", "pydantic", "typer", "geobench"},
}

FLOORS = {
    "harness": (
        "harness.cli",
        "harness.api",
        "harness.show",
        "harness.multimodal",
        "harness.campaign",
        "harness.execution",
        "harness.protocols",
        "harness.training",
        "harness.extraction",
        "harness.demo",
        "harness.data",
        "harness.tasks",
        "harness.metrics",
        "harness.solvers",
        "harness.store",
        "harness.records",
        "harness.errors",
    ),
    "leaderboards": (
        "leaderboards.report",
        "leaderboards.simulations",
        "leaderboards.checks",
        "leaderboards.alarm",
        "leaderboards.differences",
        "leaderboards.looks",
        "leaderboards.words",
        "leaderboards.statistics",
        "leaderboards.published",
        "leaderboards.transfer",
        "leaderboards.merge",
        "leaderboards.multimodal",
        "leaderboards.store",
        "leaderboards.failures",
        "leaderboards.spool",
        "leaderboards.query",
        "leaderboards.agreement",
        "leaderboards.formats",
        "leaderboards.file",
        "leaderboards.views",
        "leaderboards.schema",
        "leaderboards.metrics",
        "leaderboards.simulated",
        "leaderboards.errors",
    ),
    "mp_mae": (
        "mp_mae.cli",
        "mp_mae.pictures",
        "mp_mae.training",
        "mp_mae.data",
        "mp_mae.hub",
        "mp_mae.checkpoint",
        "mp_mae.official",
        "mp_mae.model",
        "mp_mae.losses",
        "mp_mae.decoders",
        "mp_mae.packed",
        "mp_mae.masking",
        "mp_mae.patches",
        "mp_mae.encoder",
        "mp_mae.objective",
        "mp_mae.model_config",
        "mp_mae.modalities",
        "mp_mae.config",
        "mp_mae.devices",
        "mp_mae.downloads",
        "mp_mae.files",
        "mp_mae.visible_text",
        "mp_mae.errors",
    ),
}
"""From the roof down: a room imports from those below it."""

SEPARATE = {
    "harness.protocols": ("harness.extraction", "harness.demo", "harness.data", "harness.metrics", "harness.store"),
    "harness.solvers": ("harness.store", "harness.records"),
    "harness.training": ("harness.extraction", "harness.demo", "harness.data", "harness.metrics", "harness.store"),
}
"""Rooms below that a room must not know either: protocols get materials and never open a file or score anything."""

MOST_LINES, MOST_FUNCTION_LINES, MOST_FILES = 400, 80, 15


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, inside functions too; `from a import b` counts as a and as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def room_of(module: str) -> str | None:
    """The room a module is in; None for the package itself and its `__main__`, which stand above all rooms."""
    floors = FLOORS.get(module.split(".", maxsplit=1)[0], ())
    return next((room for room in floors if within(module, room)), None)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_packages_import_one_way(path):
    package = module_name(path).split(".")[0]
    for imported in imports(path):
        top = imported.split(".")[0]
        assert top not in PACKAGES or top in MAY_IMPORT[package], f"{path} imports {imported}"
        assert top not in FORBIDDEN_LIBRARIES.get(package, ()), f"{path} imports {imported}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_rooms_import_downwards(path):
    module = module_name(path)
    floors, room = FLOORS.get(module.split(".", maxsplit=1)[0], ()), room_of(module)
    if room is None:
        assert path.name in ("__init__.py", "__main__.py") or module.startswith("baselines."), f"{path} is in no room"
        return
    above = floors[: floors.index(room)]
    for imported in imports(path):
        wrong = [other for other in (*above, *SEPARATE.get(room, ())) if within(imported, other)]
        assert not wrong, f"{path} imports {imported}, which is above it or none of its business"


SOURCES = tuple(module_name(path) for path in FILES if path.match("harness/data/sources/*/__init__.py"))


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_source_of_data_is_known_by_its_protocol_alone(path):
    """So that a new one is its own folder and a line in the table, and nothing else of the harness hears of it."""
    module, table = module_name(path), "harness.data.sources"
    own = next((folder for folder in SOURCES if within(module, folder)), None)
    for imported in imports(path):
        other = next((folder for folder in SOURCES if within(imported, folder) and folder != own), None)
        alike = (own, other) == (f"{table}.demo", f"{table}.geobench")  # the simulated suite has GEO-Bench's layout
        assert other is None or module == table or alike, f"{path} imports {imported}, one source of several"


def test_one_module_of_the_command_line_draws_tables():
    """Its tables keep names whole in a narrow terminal, which those of rich do not."""
    drawing = {module_name(path) for path in FILES if "rich.table" in set(imports(path))}
    assert {module for module in drawing if within(module, "harness")} == {"harness.show.tables"}


def test_each_folder_can_be_overlooked():
    for folder in {path.parent for path in FILES}:
        files = sorted(path.name for path in folder.glob("*.py"))
        assert len(files) <= MOST_FILES, f"{folder} has {len(files)} files: some of them want a room of their own"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_and_functions_stay_readable(path):
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES, f"{path} is too long: something in it wants a name of its own"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{path}: {node.name} has {length} lines"


def test_every_module_says_what_it_is():
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_every_package_is_installed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    found = set(find_packages(str(ROOT), **settings))
    assert found == {module_name(path.parent / "__init__.py") for path in FILES}, "a folder lacks its __init__.py"
