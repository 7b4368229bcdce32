"""What all pictures share: their scale, a colour, and the file they are written to (matplotlib)."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mp_mae.errors import UserError

INCH = 1.7
"""Side of a small picture."""
TARGET_COLOUR = "#4c72b0"


def check_writable(out: Path) -> None:
    """Raises UserError, before the work, unless the kind of file is known and its folder is there."""
    if out.suffix not in (".png", ".pdf", ".svg"):
        raise UserError(f"{out}: wanted a picture called .png, .pdf or .svg.")
    if not out.parent.is_dir():
        raise UserError(f"{out}: there is no folder {out.parent}. Create it first.")


def write_picture(figure: Figure, out: Path) -> None:
    """Draw the figure into its file. Raises UserError when it cannot be written."""
    FigureCanvasAgg(figure)
    try:
        figure.savefig(out, dpi=200)
    except OSError as error:
        raise UserError(f"{out}: cannot write the picture ({error.strerror}). Choose another place.") from error
