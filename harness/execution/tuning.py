"""Tuning: the same search space and number of trials for every backbone, judged on valid.

The first trial is the documented default. TPE proposes the others and trials below the median of the finished ones are
given up early. A study is a journal file: what was finished counts when the same run is asked for again, and processes
that work on the same run at the same time share its trials.

Proposals are seeded by how many trials there are, so an interrupted study goes on as it would have; with several
processes they depend on who finishes first.

Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011; Golovin et al., Google Vizier, 2017 (median rule).
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from harness.data.files.json_file import parse_json
from harness.errors import UserError
from harness.records.outcome import Range, Tuned
from harness.records.progress import Progress
from harness.store.locks import ALONE, Lock, locked, try_alone
from harness.training.loop import DivergedError

N_RANDOM = 5
"""Trials before TPE has anything to go by; with fewer finished none is given up either."""
POLL_SECONDS = 1.0

Curve = Callable[[Any], Iterator[float]]
"""Settings -> the headline metric on valid as training goes on, minus infinity where undefined."""


def tune(
    curve: Curve, settings: Any, space: Mapping[str, Range], journal: Path, seed: int, progress: Progress
) -> Tuned:
    """Do the trials that a study still lacks of `settings.trials`, and choose the best; of equals the earliest.

    Args:
        curve: raises DivergedError to lose one trial; any other error ends the tuning.
        settings: a frozen dataclass with the defaults of what `space` names.
        journal: file of the study, made if it is not there.
    Raises:
        UserError: the journal cannot be read or written, or no trial came to a score.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would tell the terminal of every trial
    defaults = {name: getattr(settings, name) for name in space}
    with _working(journal) as worker, progress.step("tuning: trials", settings.trials) as step:
        study = _open_study(journal)
        while (trial := _claim(study, worker, settings.trials, space, defaults, seed)) is not None:
            _try_out(study, trial, curve(replace(settings, **trial.params)))
            step.advance()
        trials = study.get_trials()
    finished = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not finished:
        raise UserError(
            f"none of {settings.trials} trials came to a score on valid: every training diverged, or the headline "
            "metric is undefined there (no labelled pixel, no positive label, or a number that never varies?). Pass "
            "--trials 0"
        )
    best = max(finished, key=lambda trial: (trial.values[0], -trial.number))
    return Tuned(
        settings=replace(settings, **best.params),
        ran_with={"chosen": dict(best.params), "study": [_entry(trial) for trial in trials]},
    )


def _try_out(study: optuna.Study, trial: Trial, curve: Iterator[float]) -> None:
    """One trial to its end, whatever that is; what interrupts it leaves it to the next process."""
    scores = []
    try:
        for evaluation, score in enumerate(curve):
            if np.isfinite(score):
                scores.append(score)
                trial.report(score, evaluation)
                if trial.should_prune():
                    study.tell(trial, state=TrialState.PRUNED)
                    return
    except DivergedError:
        scores = []
    if scores:
        study.tell(trial, max(scores))
    else:
        study.tell(trial, state=TrialState.PRUNED)


def _claim(
    study: optuna.Study,
    worker: "_Worker",
    n_trials: int,
    space: Mapping[str, Range],
    defaults: Mapping[str, float],
    seed: int,
) -> Trial | None:
    """The next trial, once there is one; None when all are done, by whomever."""
    while True:
        with worker.turn():
            _give_up_dead(study, worker)
            trials = study.get_trials(deepcopy=False)
            counted = [trial for trial in trials if trial.state not in (TrialState.FAIL, TrialState.WAITING)]
            if len(counted) < n_trials:
                if all(trial.state is TrialState.FAIL for trial in trials):
                    study.enqueue_trial(dict(defaults))
                return _ask(study, worker, space, seed, len(counted))
            if all(trial.state is not TrialState.RUNNING for trial in counted):
                return None
        time.sleep(POLL_SECONDS)  # another process is at the last trials; if it dies they are ours


def _give_up_dead(study: optuna.Study, worker: "_Worker") -> None:
    """Mark trials as failed whose process is gone, so that they are done again."""
    for trial in study.get_trials(deepcopy=False):
        if trial.state is TrialState.RUNNING and not worker.is_alive(trial.user_attrs.get("worker")):
            study.tell(trial.number, state=TrialState.FAIL)


def _ask(study: optuna.Study, worker: "_Worker", space: Mapping[str, Range], seed: int, n_before: int) -> Trial:
    """A new trial of this worker; its sampler is seeded by the run's seed and by how many trials count before it."""
    entropy = np.random.SeedSequence([seed, n_before]).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(entropy[0]), n_startup_trials=N_RANDOM)
    trial = study.ask({name: FloatDistribution(r.low, r.high, log=r.log) for name, r in space.items()})
    trial.set_user_attr("worker", worker.name)
    return trial


def _open_study(journal: Path) -> optuna.Study:
    _check_journal(journal)
    backend = JournalFileBackend(str(journal), lock_obj=JournalFileOpenLock(str(journal)))
    return optuna.create_study(
        storage=JournalStorage(backend),
        study_name="tuning",
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=N_RANDOM),
        load_if_exists=True,
    )


def _check_journal(journal: Path) -> None:
    """Refuse a file that Optuna would stumble over: every line is a JSON object, and the last one is whole."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    try:
        entries = [parse_json(line, str(journal)) for line in lines]
    except UserError:
        entries = [None]
    whole = all(line.endswith(b"\n") for line in lines)
    if not whole or not all(isinstance(entry, dict) and "op_code" in entry for entry in entries):
        raise UserError(f"{journal}: not a study, or a damaged one. Delete it and run again")


class _Worker:
    """This process among those that work on a study. Holds a lock for as long as it lives, which tells the others."""

    def __init__(self, journal: Path) -> None:
        self.name = uuid.uuid4().hex
        self._journal = journal
        self._sign = Lock(self._sign_of(self.name), ALONE, create=True)

    def turn(self) -> AbstractContextManager[None]:
        """One process at a time claims a trial."""
        return locked(self._journal.with_suffix(".claim.lock"), on_wait=lambda: None)

    def is_alive(self, name: str | None) -> bool:
        """Whether a worker, this one included, still runs. One without a name died while it claimed."""
        if name is None or name == self.name:
            return name is not None
        free = try_alone(self._sign_of(name), create=True)
        if free is None:
            return True
        free.remove()
        return False

    def leave(self) -> None:
        """Take the sign down."""
        self._sign.remove()

    def _sign_of(self, name: str) -> Path:
        return self._journal.with_suffix(f".{name}.lock")


@contextmanager
def _working(journal: Path) -> Iterator[_Worker]:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        worker = _Worker(journal)
    except OSError as error:
        raise UserError(
            f"{journal.parent}: cannot keep a study: {error}. Pass --cache-dir DIR with room to write"
        ) from error
    try:
        yield worker
    finally:
        worker.leave()


def _entry(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "parameters": dict(trial.params),
        "value": trial.values[0] if trial.state is TrialState.COMPLETE and trial.values else None,
        "evaluations": len(trial.intermediate_values),
    }
