"""What pyproject.toml asks to install is what our packages import, no more and no less."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from baselines.foundation.libraries import LEAST_PYTHON

ROOT = Path(__file__).parent.parent
OURS = {"mp_mae", "baselines", "leaderboards", "harness"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {normalised(re.split(r"[<>=\[; ]", requirement)[0]) for requirement in requirements}


def imported(*folders: str) -> set[str]:
    """Names of the distributions that files below these folders import, inside functions too."""
    modules = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    provided_by = packages_distributions()
    foreign = modules - OURS - set(sys.stdlib_module_names)
    return {normalised(name) for module in foreign for name in provided_by.get(module, [module])}


def test_the_packages_import_what_is_declared_and_nothing_else():
    optional = {name for extra in ("geo", "ray") for name in declared(PROJECT["optional-dependencies"][extra])}
    assert imported(*OURS) == declared(PROJECT["dependencies"]) | optional
    assert imported("mp_mae/data/m3leo", "harness/data/sources/geobench2") >= optional - {"ray"}
    assert "ray" in imported("harness/campaign/executors")


def test_a_library_that_is_imported_only_when_a_network_is_built_is_an_extra_of_its_name():
    asked = {
        node.args[0].value
        for path in (ROOT / "baselines").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_from"
    }
    least = ".".join(map(str, LEAST_PYTHON))
    for library in asked:
        (requirement,) = PROJECT["optional-dependencies"][library]
        assert declared([requirement]) == {library}
        assert requirement.endswith(f"; python_version >= '{least}'")


def test_constraints_pin_what_is_declared():
    pinned = {normalised(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    extras = [name for of_extra in PROJECT["optional-dependencies"].values() for name in of_extra]
    assert declared([*PROJECT["dependencies"], *extras]) <= pinned
    assert not pinned & {"plotly", "torchmetrics", "lightning-utilities"}
