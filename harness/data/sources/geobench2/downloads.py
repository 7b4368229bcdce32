"""Where GEO-Bench-2 is published: a repository of the Hugging Face hub a dataset."""

from harness.data.sources.geobench2.table import DATASETS
from mp_mae.downloads.published import Published, RemoteFile

_IN_PARTS = ("biomassters", "dynamic_earthnet", "pastis")
"""Tortillas in parts. How many has changed since the official reader 0.9 listed them, so they are counted there."""
_LICENCES = {
    "benv2": "CDLA-Permissive-1.0",
    "cloudsen12": "CC0",
    "dynamic_earthnet": "CC BY-SA 4.0",
    "flair2": "Etalab 2.0",
    "fotw": "CC BY, CC0 or Etalab, by country",
    "kuro_siwo": "CC BY",
    "pastis": "CC BY 4.0 and Etalab",
    "spacenet2": "CC BY-SA 4.0",
    "spacenet7": "CC BY-SA 4.0",
}
"""CC BY 4.0 but for these."""


def _published(name: str) -> Published:
    part = ".{:04d}.part" if name in _IN_PARTS else ""
    return Published(
        name=f"geobench2/{name}",
        what="all splits",
        base=f"hub:datasets/aialliance/{name}/resolve/main",
        files=(RemoteFile(path=f"geobench_{name}{part}.tortilla"),),
        folder=f"geobench2/{name}",
        licence=_LICENCES.get(name, "CC BY 4.0"),
        page=f"https://huggingface.co/datasets/aialliance/{name}",
    )


DOWNLOADS: dict[str, Published] = {published.name: published for published in (_published(name) for name in DATASETS)}
"""By suite and name, as GEO-Bench v1.0 has datasets of the same sources."""
