"""The options of `multimodal`."""

from pathlib import Path
from typing import Annotated

from typer import Option

OneBackbone = Annotated[str, Option(help="A contrastive model, whose modalities share a space.")]
OneWeights = Annotated[
    Path | None, Option(metavar="DIR", help="Its folder. Default: what is shipped, on simulated suites alone.")
]
Places = Annotated[
    float, Option(metavar="KM", min=0, help="Other images not farther apart do not count in a retrieval.")
]
Resamples = Annotated[int, Option(min=0, help="Draws the resamples that intervals are from.")]
