"""Small contrastive models for tests."""

import torch

from baselines.contrastive.config import ContrastiveConfig
from baselines.contrastive.model import ContrastiveModel

RGB = ("B4", "B3", "B2")
RADAR = tuple(f"{orbit} {polarisation}" for orbit in ("asc", "desc") for polarisation in ("VV", "VH", "HH", "HV"))
COHERENCE = ("12 days", "24 days", "36 days", "48 days")
MODALITIES = {"sentinel2": RGB, "sentinel1": RADAR, "coherence": COHERENCE}


def config(architecture="vit", modalities=MODALITIES, **changes):
    given = {"size": "demo", "architecture": architecture, "patch": 8, "modalities": modalities, "dim": 16}
    return ContrastiveConfig(**given | changes)


def model(architecture="vit", seed=0, **changes):
    """An untrained one whose offsets are as large as its other weights, so that a test would see one forgotten."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = ContrastiveModel(config(architecture, **changes)).eval()
        for tower in built.towers.values():
            torch.nn.init.normal_(tower.entry.offset)
    return built


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
