"""Embedding spaces as a page to look around in: one HTML file that needs nothing else."""

import base64
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from harness.show.embeddings.colourings import Colouring
from harness.show.embeddings.look import Look
from harness.show.embeddings.picture import RAMP, colour_limits
from harness.show.embeddings.space import Picture, Space
from leaderboards.report.one_file import Asset, render_page, write_page

REPORT = "leaderboards.report"
RINGED = 5
"""Nearest images that are shown with each."""
_RAMP_STOPS = 9
_DIGITS = 4


def write_map(look: Look, target: Path) -> int:
    """Write the page.

    Returns:
        The size of the file in bytes.
    Raises:
        UserError: the target is no .html file or cannot be written (`leaderboards.errors`).
    """
    return write_page(render_map(look), target)


def render_map(look: Look) -> str:
    """The page. Names from the data are escaped, or in its JSON, from which the script makes text."""
    here: str = __package__ or ""
    style: list[Asset] = [(REPORT, "style.css"), (here, "page.css")]
    drawn = "" if len(look.names) == look.n_of_split else f" of {look.n_of_split}, drawn by seed {look.seed}"
    return render_page(
        (here, "page.html.j2"),
        styles=style,
        scripts=[(REPORT, "dom.js"), (here, "maps.js"), (here, "page.js")],
        title=f"{', '.join(space.backbone for space in look.spaces)} on {look.dataset}",
        what=f"{len(look.names)} images{drawn} of the {look.split} split",
        simulated=look.simulated,
        shown=look.sheet.shown,
        k=look.spaces[0].neighbours.shape[1],
        ringed=min(RINGED, look.spaces[0].neighbours.shape[1]),
        side=look.sheet.side,
        columns=look.sheet.columns,
        sheet=base64.b64encode(look.sheet.jpeg).decode(),
        page_data=page_data(look),
    )


def page_data(look: Look) -> dict[str, Any]:
    """What the script draws, JSON-able."""
    ramp = matplotlib.colormaps[RAMP](np.linspace(0, 1, _RAMP_STOPS))
    return {
        "names": look.names,
        "columns": look.sheet.columns,
        "k": look.spaces[0].neighbours.shape[1],
        "ramp": [matplotlib.colors.to_hex(colour) for colour in ramp],
        "colourings": [_colouring(each) for each in look.colourings],
        "chosen": look.colourings.index(look.chosen[0]),
        "spaces": [_space(look, space) for space in look.spaces],
    }


def _colouring(colouring: Colouring) -> dict[str, Any]:
    classes = list(colouring.classes) or None
    return {
        "name": colouring.name,
        "unit": colouring.unit,
        "classes": classes,
        "limits": colour_limits(colouring),
        "values": [
            None if np.isnan(value) else int(value) if classes else float(f"{value:.6g}")
            for value in colouring.values.tolist()
        ],
    }


def _space(look: Look, space: Space) -> dict[str, Any]:
    return {
        "backbone": space.backbone,
        "features": space.n_features,
        "neighbours": space.neighbours[:, :RINGED].tolist(),
        "pictures": [_picture(picture) for picture in space.pictures],
        "agreements": [
            [asdict(agreement) for _, agreement in look.agreements(colouring, space)] for colouring in look.colourings
        ],
    }


def _picture(picture: Picture) -> dict[str, Any]:
    """Points within -0.5 to 0.5, both axes on one scale."""
    low, high = picture.points.min(axis=0), picture.points.max(axis=0)
    x, y = np.round((picture.points - (low + high) / 2) / (max(high - low) or 1.0), _DIGITS).T
    return {
        "name": picture.name,
        "explained": picture.explained,
        "trustworthiness": picture.trustworthiness,
        "x": x.tolist(),
        "y": y.tolist(),
    }
