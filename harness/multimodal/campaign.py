"""All questions of several datasets, answered and stored; what goes wrong with one leaves the others alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from harness.errors import DoesNotApplyError
from harness.execution.workbench import Workbench
from harness.multimodal.answers import Answer, Asked
from harness.multimodal.embedding import Embedder
from harness.multimodal.labels import (
    answer_labels,
    answer_transfer,
    fit_for_transfer,
    label_questions,
    transfer_questions,
)
from harness.multimodal.material import Described, Material
from harness.multimodal.probe import PROBED, Probe
from harness.multimodal.questions import Seen
from harness.multimodal.results import Pair, as_row, result_id
from harness.multimodal.retrieval import answer_retrieval, retrieval_questions
from harness.records.job import DatasetRef, Failure
from harness.store.damage import DamagedError
from leaderboards.errors import UserError as LeaderboardError
from leaderboards.multimodal import known_results, store_results
from leaderboards.schema import MultimodalRow
from leaderboards.store import Leaderboard, open_leaderboard
from mp_mae.data.threads import one_blas_thread

Value = TypeVar("Value")


@dataclass(kw_only=True)
class Campaign:
    """What became of it."""

    result_ids: list[str] = field(default_factory=list)
    """Of every number that was asked for and is in the leaderboard now."""
    n_new: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    """Dataset -> why nothing can be asked of it."""
    failed: dict[str, Failure] = field(default_factory=dict)
    """Dataset, or pair of them -> what went wrong."""


class Evaluation:
    """One model on several datasets."""

    def __init__(
        self, embedder: Embedder, workbench: Workbench, board: Leaderboard, seed: int, same_place_km: float
    ) -> None:
        self._embedder, self._workbench, self._board = embedder, workbench, board
        self._seed, self._same_place_km = seed, same_place_km
        self._probes: dict[DatasetRef, Mapping[Seen, Probe]] = {}
        self._done = Campaign()

    def run(self, refs: Sequence[DatasetRef]) -> Campaign:
        """Answer what the leaderboard does not hold yet: each dataset by itself, then every ordered pair of them.

        The rows of a dataset go in together, and those of all transfers to one, so that none is there in half.

        Raises:
            UnavailableError: the leaderboard cannot be written; vectors stay in the cache.
        """
        described: dict[DatasetRef, Described] = {}
        with self._workbench.progress.step("datasets", 2 * len(refs)) as step:
            for ref in refs:
                own = self._guarded(ref.name, partial(self._own, ref))
                if own is not None:
                    described[ref] = own
                step.advance()
            for ref in described:
                self._guarded(f"transfer to {ref.name}", partial(self._transfers, ref, described))
                step.advance()
        return self._done

    def _guarded(self, name: str, work: Callable[[], Value]) -> Value | None:
        """What `work` returns; None of one that failed, which is kept. Once more where the cache was damaged."""
        try:
            try:
                return work()
            except DamagedError as damage:
                self._workbench.open_anew(damage)
                return work()
        except LeaderboardError:
            raise
        except DoesNotApplyError as error:
            self._done.skipped[name] = str(error)
        except Exception as error:  # the border between datasets: a bug must not cost the others
            self._done.failed[name] = Failure.of(error)
        return None

    def _own(self, ref: DatasetRef) -> Described:
        described = self._embedder.describe(ref)
        pair = Pair(fitted=described, tested=described)
        ids = self._ids(pair, [*retrieval_questions(described.channels), *label_questions(described)])
        if self._lacks(ids):
            material = self._embedder.embed(ref, described)
            with one_blas_thread():
                answers = list(self._answers(material))
            self._store([self._row(pair, found) for found in answers])
        self._done.result_ids += ids
        return described

    def _answers(self, material: Material) -> Iterator[Answer]:
        described = material.described
        n_asked = len(retrieval_questions(described.channels)) + len(label_questions(described))
        with self._workbench.progress.step(f"{described.name}: questions", n_asked) as step:
            groups = [answer_retrieval(material.test, material.places, self._same_place_km, self._seed)]
            if described.kind in PROBED:
                groups.append(answer_labels(material, self._seed))
            for group in groups:
                for answers in group:
                    yield from answers
                    step.advance(len(answers))

    def _transfers(self, ref: DatasetRef, described: Mapping[DatasetRef, Described]) -> None:
        tested = described[ref]
        others = [other for other, one in described.items() if other != ref and one.asks_the_same_as(tested)]
        pairs = {other: Pair(fitted=described[other], tested=tested) for other in others}
        ids = [one for pair in pairs.values() for one in self._ids(pair, transfer_questions(tested))]
        if self._lacks(ids):
            here = self._probes_of(ref, tested)
            material = self._embedder.embed(ref, tested)
            self._store(
                [
                    self._row(pair, found)
                    for other, pair in pairs.items()
                    for found in answer_transfer(self._probes_of(other, pair.fitted), here, material, self._seed)
                ]
            )
        self._done.result_ids += ids

    def _probes_of(self, ref: DatasetRef, described: Described) -> Mapping[Seen, Probe]:
        if ref not in self._probes:
            with one_blas_thread():
                self._probes[ref] = fit_for_transfer(self._embedder.embed(ref, described))
        return self._probes[ref]

    def _ids(self, pair: Pair, asked: Sequence[Asked]) -> list[str]:
        return [result_id(self._embedder.model, pair.configuration, one, self._seed) for one in asked]

    def _lacks(self, ids: Sequence[str]) -> bool:
        """Whether the leaderboard does not hold all of these."""
        return len(known_results(self._board, ids)) < len(ids)

    def _row(self, pair: Pair, found: Answer) -> MultimodalRow:
        return as_row(self._embedder.model, pair, found, self._seed, datetime.now(UTC))

    def _store(self, rows: Sequence[MultimodalRow]) -> None:
        if not rows:
            return
        if not self._board.path.exists():
            open_leaderboard(self._board.path)
        self._done.n_new += store_results(self._board, rows)
