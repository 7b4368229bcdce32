"""The tutorial notebook runs from its first cell to its last."""

import ast
import json
from pathlib import Path

import matplotlib as mpl

NOTEBOOK = Path(__file__).parents[3] / "docs" / "tutorials" / "notebook.ipynb"


def run_cell(source, names):
    """What a cell shows: the value of its last line, if that is an expression."""
    code = ast.parse(source)
    last = code.body.pop() if isinstance(code.body[-1], ast.Expr) else None
    exec(compile(code, str(NOTEBOOK), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names) if last else None


def test_every_cell_of_the_tutorial_runs(tmp_path, monkeypatch):
    mpl.use("agg")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    names = {}
    shown = {cell["id"]: run_cell("".join(cell["source"]), names) for cell in cells}
    assert "my_model" in shown["run"]._repr_html_()
    assert len(shown["compare"]) == 1
    assert 0.5 < shown["features"] <= 1, "one of three classes is 0.33"
