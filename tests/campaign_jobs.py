"""Jobs of a campaign and their records, for tests of what is shown of it: they have what is shown, and nothing else."""

from pathlib import Path
from types import SimpleNamespace

from harness.records.job import DatasetRef

CLIMATE, CROPS = (DatasetRef(name=name, suite="demo", directory=Path("demo") / name) for name in ("climate", "crops"))


def make_job(
    backbone="mp_mae", dataset=CLIMATE, protocol="linear_probe", partition="1.00x_train", seed=0, weights="w"
) -> SimpleNamespace:
    run = SimpleNamespace(
        protocol=protocol, partition=partition, weights_sha256=weights, band_sources=("B2",), seed=seed
    )
    identity = f"{backbone} {dataset.name} {protocol} {partition} {seed}"
    return SimpleNamespace(run_id=identity, backbone=backbone, dataset=dataset, run=run)


def make_record(value=0.5, n_labels=100) -> SimpleNamespace:
    run = SimpleNamespace(n_labels_fit=n_labels, n_labels_select=0, higher_is_better=True)
    return SimpleNamespace(run=run, headline=SimpleNamespace(value=value))
