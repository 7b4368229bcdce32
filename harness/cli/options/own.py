"""The options that say what somebody's own images are. `dataset.toml` beside them says the same once for all."""

from pathlib import Path
from typing import Annotated

from typer import Option

from baselines.bands import Unit
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
    Option(metavar="FILE.csv", rich_help_panel=PANEL, help="In DIR: a row an image, with columns `file` and `label`."),
]
Task = Annotated[
    LabelKind | None, Option(rich_help_panel=PANEL, help="What the labels are. Default: what they look like.")
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
GroupBy = Annotated[
    str | None,
    Option(metavar="COLUMN", rich_help_panel=PANEL, help="Images that are alike in it stay in one split."),
]
BlockKm = Annotated[
    float | None,
    Option(metavar="KM", rich_help_panel=PANEL, help="Images of one block of this side stay in one split."),
]
