"""The floor plan holds: imports go one way, files and functions stay readable."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    "mp_mae": {"duckdb", "optuna", "pandas", "sklearn", "scipy", "pydantic", "typer", "torchmetrics", "geobench"},
}
SIBLINGS = ("harness.data", "harness.protocols", "harness.metrics", "harness.fine_tuning", "harness.store")
"""Hand each other records and never import each other, nor anything above them."""
SHARED_BELOW = {"harness.records", "harness.errors", "harness.progress", "harness.store"}
BELOW_PROTOCOLS = {"harness.fine_tuning"}
"""What protocols alone may import as well."""
LAYERS = (
    "harness.cli",
    "harness.display",
    "harness.campaign",
    "harness.executors",
    "harness.execute",
    "harness.plan",
    "harness.resolve",
    "harness.workbench",
)
"""From the top; a module may import from layers below its own only (`executors` are called by `campaign`)."""


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


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_go_one_way(path):
    package = module_name(path).split(".")[0]
    for imported in imports(path):
        top = imported.split(".")[0]
        assert top not in PACKAGES or top in MAY_IMPORT[package], f"{path} imports {imported}"
        assert top not in FORBIDDEN_LIBRARIES.get(package, ()), f"{path} imports {imported}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if any(within(module_name(p), s) for s in SIBLINGS)], ids=module_name
)
def test_data_protocols_and_metrics_know_only_records(path):
    own = next(sibling for sibling in SIBLINGS if within(module_name(path), sibling))
    allowed = {own, *SHARED_BELOW, *(BELOW_PROTOCOLS if own == "harness.protocols" else ())}
    for imported in imports(path):
        if within(imported, "harness") and imported != "harness":
            assert any(within(imported, package) for package in allowed), f"{path} imports {imported}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if any(within(module_name(p), la) for la in LAYERS)], ids=module_name
)
def test_layers_import_downwards(path):
    height = next(i for i, layer in enumerate(LAYERS) if within(module_name(path), layer))
    for imported in imports(path):
        above = [layer for layer in LAYERS[:height] if within(imported, layer)]
        assert not above, f"{path} imports {imported}, which is above it"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_and_functions_stay_readable(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 400, f"{path} is too long: something in it wants a name of its own"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 80, f"{path}: {node.name} has {length} lines"


def test_every_module_says_what_it_is():
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_installed_packages_are_all_listed():
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert listed == {module_name(path) for path in FILES if path.name == "__init__.py"}
