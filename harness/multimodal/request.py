"""What a user asked of one space, carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.registry import find_backbone
from harness.campaign.plan import choose_datasets
from harness.campaign.request import known_device
from harness.data.suites import find_root
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.multimodal.campaign import Campaign, Evaluation
from harness.multimodal.embedding import Embedder
from harness.records.job import DatasetRef, Places
from harness.records.progress import Progress
from harness.records.run import BandNames, NormalisationPolicy
from leaderboards.simulated import SIMULATED
from leaderboards.store import open_if_there


@dataclass(frozen=True, kw_only=True)
class Request:
    """One `harness multimodal`: a model, datasets, and where things lie."""

    backbone: str
    weights: Path | None
    """None: what is shipped."""
    geobench_dir: Path | None
    datasets: tuple[str, ...]
    """By name; none: all there are."""
    normalisation: NormalisationPolicy | None
    """None: the backbone's own default."""
    same_place_km: float
    seed: int
    db: Path
    cache_dir: Path
    device: str
    workers: int


def evaluate(request: Request, progress: Progress) -> Campaign:
    """Answer and store what the leaderboard does not hold yet.

    Raises:
        UserError: an unknown backbone or dataset, no weights, or a backbone whose modalities share no space.
        UnavailableError: the leaderboard cannot be written; vectors stay in the cache.
    """
    refs = choose_datasets(request.datasets, find_root(request.geobench_dir), BandNames.CORRECTED)
    weights = request.weights or _shipped(request.backbone, refs)
    places = Places(cache_dir=request.cache_dir, device=known_device(request.device), workers=request.workers)
    workbench = Workbench(places, progress)
    embedder = Embedder(request.backbone, weights, workbench, request.normalisation, request.same_place_km)
    board = open_if_there(request.db)
    return Evaluation(embedder, workbench, board, request.seed, request.same_place_km).run(refs)


def _shipped(backbone: str, refs: Sequence[DatasetRef]) -> Path:
    """The folder of shipped weights, which are for simulated images alone."""
    shipped = find_backbone(backbone).demo_weights
    real = [ref.name for ref in refs if ref.suite not in SIMULATED]
    if shipped is None or real:
        why = f"those that are shipped learnt from simulated images, unlike {real[0]}" if shipped else "none is shipped"
        raise UserError(
            f"--backbone {backbone}: pass its weights by --weights DIR, as {why}. python -m mp_mae pretrain --preset "
            "clip makes some"
        )
    return shipped
