"""The options that say what somebody's own images are. `dataset.toml` beside them says the same once for all."""

from pathlib import Path
from typing import Annotated

from typer import Option

from baselines.bands import Unit
from harness.data.own.settings import Fit
from harness.records.labels import LabelKind

PANEL = "Your own images (docs/your_images.md)"

Data = Annotated[
    Path | None,
    Option(
        metavar="DIR",
        rich_help_panel=PANEL,
        help="A folder of images instead of GEO-Bench: a sub-folder a class, or any folders and --labels.",
    ),
]
Labels = Annotated[
    str | None,
    Option(
        metavar="FILE.csv",
        rich_help_panel=PANEL,
        help="In DIR: a row an image, with columns `file` and `label`. "
        "Without --data: labels alone, for --backbone embeddings:FILE.",
    ),
]
LabelColumns = Annotated[
    list[str] | None,
    Option(
        "--label-column",
        metavar="NAME,...",
        rich_help_panel=PANEL,
        help="Its column of labels; several are numbers, or 0 and 1 of each class. Default: label, class, labels, "
        "value or mask.",
    ),
]
Task = Annotated[
    LabelKind | None, Option(rich_help_panel=PANEL, help="What the labels are. Default: what they look like.")
]
ClassNames = Annotated[
    list[str] | None,
    Option(metavar="NAME,...", rich_help_panel=PANEL, help="Of masks, in the order of their values. Default: these."),
]
Bands = Annotated[
    list[str] | None,
    Option(
        metavar="NAME,...",
        rich_help_panel=PANEL,
        help="Bands in the order of the channels, or rgb, rgbn, sentinel1, sentinel2-l1c-13, sentinel2-l2a-12. "
        "Default: as the files name them.",
    ),
]
UnitOfPixels = Annotated[Unit | None, Option(rich_help_panel=PANEL, help="Of the stored values. Default: not known.")]
NoData = Annotated[
    list[str] | None,
    Option(
        metavar="VALUE|BAND=VALUE,...",
        rich_help_panel=PANEL,
        help="Stored value that stands for no data, of all bands or of some. Default: as the files say. NaN is none.",
    ),
]
FitOfSize = Annotated[
    Fit | None,
    Option(
        "--fit",
        rich_help_panel=PANEL,
        help="Images of another size: take their middle, or resample them. Default: crop.",
    ),
]
Size = Annotated[
    int | None,
    Option(metavar="PX", rich_help_panel=PANEL, help="Side that all images are fitted to. Default: that of most."),
]
NameOfData = Annotated[
    str | None,
    Option("--name", metavar="NAME", rich_help_panel=PANEL, help="Of the dataset. Default: that of the folder."),
]
GroupBy = Annotated[
    str | None,
    Option(metavar="COLUMN", rich_help_panel=PANEL, help="Images that are alike in it stay in one split."),
]
BlockKm = Annotated[
    float | None,
    Option(metavar="KM", rich_help_panel=PANEL, help="Images of one block of this side stay in one split."),
]
