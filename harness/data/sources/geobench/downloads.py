"""Where GEO-Bench v1.0 is published: a zip file a dataset in one repository of the Hugging Face hub."""

from harness.data.sources.geobench.published import ENTRIES
from mp_mae.downloads.published import Published, RemoteFile


def _published(name: str, metric: str | None) -> Published:
    suite = "segmentation_v1.0" if metric == "miou" else "classification_v1.0"
    return Published(
        name=name,
        what="masks" if metric == "miou" else "classes",
        base="hub:datasets/recursix/geo-bench-1.0/resolve/main",
        files=(RemoteFile(path=f"{suite}/{name}.zip"),),
        folder=f"{suite}/{name}",
        licence="the collection CC BY-SA 4.0",
        page="https://huggingface.co/datasets/recursix/geo-bench-1.0",
        archive=True,
        may_link=("default_partition.json",),  # GEO-Bench's own program writes it as a link
        holds=("task_specs.pkl", "band_stats.json", "default_partition.json"),
    )


DOWNLOADS: dict[str, Published] = {name: _published(name, entry.metric) for name, entry in ENTRIES.items()}
"""By the name of the dataset."""
