"""Writes the matrix into docs/backbones.md: python docs/make_backbones.py"""

from pathlib import Path

from baselines.registry.listed import entries_of_schemes
from baselines.table import BACKBONES
from harness.cli.backbones import list_backbones
from harness.cli.terminal import Format
from leaderboards.query import to_markdown

PAGE = Path(__file__).parent / "backbones.md"
BEGIN, END = "<!-- matrix: begin -->\n", "<!-- matrix: end -->"

if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    matrix = to_markdown(list_backbones([*BACKBONES.values(), *entries_of_schemes()], Format.markdown))
    PAGE.write_text(before + BEGIN + matrix + END + rest.partition(END)[2])
