"""The benchmark for GPUs runs, here on the CPU at toy size, and puts its tables where they belong."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parent / "benchmarks" / "gpu.py"))
PAGE = "# Performance\n\n## One\ntext\n\n## GPU\nNot measured.\n\n## Two\nmore\n"


def test_the_section_of_the_page_is_replaced_and_nothing_else():
    heading = "## GPU: `python tests/benchmarks/gpu.py --write docs/performance.md`"
    assert BENCHMARK["replace_section"](PAGE, "table\n") == (
        f"# Performance\n\n## One\ntext\n\n{heading}\ntable\n\n## Two\nmore\n"
    )
    last = PAGE.partition("\n## Two")[0]
    replaced = BENCHMARK["replace_section"](last, "table\n")
    assert replaced == f"# Performance\n\n## One\ntext\n\n{heading}\ntable\n"
    assert BENCHMARK["replace_section"](replaced, "table\n") == replaced
    with pytest.raises(SystemExit, match="no heading '## GPU'"):
        BENCHMARK["replace_section"]("# Performance\n", "table\n")


def test_what_does_not_run_is_left_out_with_a_line_and_the_rest_is_there():
    def fails(machine):
        yield ("one", "1")
        raise ImportError("No module named 'harness'")

    module = BENCHMARK["measure"].__globals__
    before = module["parts"]
    module["parts"] = lambda cases: [BENCHMARK["Part"]("Probe", ("", "s"), (fails, lambda machine: [("two", "2")]))]
    try:
        text = BENCHMARK["measure"](machine(), (), 60.0)
        assert "| one | 1 |\n| two | 2 |" in text
        assert "Left out: ImportError: No module named 'harness'." in text
        assert "Left out: the 0 s of this benchmark were over." in BENCHMARK["measure"](machine(), (), 0.0)
    finally:
        module["parts"] = before


def machine():
    import torch

    return BENCHMARK["Machine"](torch.device("cpu"), readers=1, batch=2, tiles=4, steps=1, rounds=1)


@pytest.mark.slow
def test_every_part_runs_at_toy_size(tmp_path, capsys):
    page = tmp_path / "performance.md"
    page.write_text(PAGE)
    BENCHMARK["main"](["--toy", "--write", str(page)])
    written = page.read_text()
    assert capsys.readouterr().out.strip() in written
    assert "Left out" not in written
    assert written.count("| demo, 56 px, 8 px patches, bf16 |") == 3
    assert "| cuML, GPU, default tolerance |" in written
    assert written.endswith("\n## Two\nmore\n")
