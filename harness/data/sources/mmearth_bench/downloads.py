"""Where MMEarth-Bench is published: a folder a task in the archive of the University of Copenhagen."""

from harness.data.sources.mmearth_bench.dataset import TASKS_OF_TILES
from mp_mae.downloads.published import Published, RemoteFile

_LICENCES = {"biomass": "CC BY 4.0", "species": "IUCN's terms, non-commercial"}
"""CC BY-NC 4.0 but for these."""


def _published(task: str) -> Published:
    names = [f"{task}_split_data.json", *(["species_labels.json"] if task == "species" else []), f"{task}.h5"]
    return Published(
        name=f"mmearth-bench/{task}",
        what="all splits",
        base="https://sid.erda.dk/share_redirect/cbMhbwV1yP/mmearth-bench-data",
        files=tuple(RemoteFile(path=f"{task}/{name}") for name in names),
        folder=f"mmearth-bench/{task}",
        licence=_LICENCES.get(task, "CC BY-NC 4.0"),
        page="https://github.com/lgordon99/mmearth-bench",
    )


DOWNLOADS: dict[str, Published] = {
    published.name: published for published in (_published(task) for task in TASKS_OF_TILES)
}
"""By suite and task."""
