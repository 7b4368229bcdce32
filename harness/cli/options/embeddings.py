"""The options of `embeddings` that no other verb has."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option


class SplitName(StrEnum):
    """Which images are shown."""

    train = "train"
    valid = "valid"
    test = "test"


Shown = Annotated[
    list[str],
    Option("--backbone", metavar="NAME,...", help="Backbones to look at (see `backbones`), side by side."),
]
DatasetName = Annotated[str, Option("--dataset", metavar="NAME", help="The dataset whose images are embedded.")]
Target = Annotated[Path, Option("--out", help="The file to write: .html to look around in, or .png, .svg, .pdf.")]
ColourBy = Annotated[
    str,
    Option(
        metavar="label|place|NAME",
        help="What gives the colour: the label, latitude and longitude where the dataset has them, or a class or "
        "number by its name. A page offers all of them.",
    ),
]
OfSplit = Annotated[SplitName, Option(help="Whose images are shown, of the partition default.")]
Limit = Annotated[int, Option(metavar="N", help="Images at most, 10 to 5000; of more so many are drawn by the seed.")]
Seed = Annotated[int, Option(min=0, help="Draws images, t-SNE, and the weights of backbones that are drawn.")]
