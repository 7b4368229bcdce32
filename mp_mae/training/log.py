"""The log of a training: one JSON object a line, in the order of the steps."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import IO

from mp_mae.errors import UserError
from mp_mae.files.json_file import parse_json
from mp_mae.files.replace_file import write_whole

LOG = "log.jsonl"
"""Name of the log in the folder of a training."""


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One optimizer step, over all processes."""

    step: int
    """Steps done, this one included."""
    epoch: float
    """Passes over the data done."""
    rate: float
    """Learning rate of this step."""
    total: float
    """What was minimised: the losses, weighted."""
    losses: Mapping[str, float | None]
    """Mean of each loss over its valid values, by name; None where it had none in this step."""
    gradient_norm: float
    """L2 norm before any clipping."""
    images_per_second: float
    waiting: float
    """Share of the time spent waiting for data, a fraction."""
    memory_mb: float
    """Most memory used so far: of the GPU by tensors, or of the process on a CPU."""
    watched: Mapping[str, float] = field(default_factory=dict)
    """Other numbers of the objective, by name."""
    held_out: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What a look at held-out tiles after this step found, by measure and by what it is of; empty where none was
    taken."""
    left_out: str = ""
    """Why the batch was left out and the model stayed as it was: then there are no losses and `total` is NaN."""


class TrainingLog:
    """Appends records to a file; a line is there completely once `write` returns."""

    def __init__(self, path: Path, first_step: int) -> None:
        """Continue the log at `first_step`: later lines, of an attempt that was interrupted, are dropped.

        Where nothing of an earlier attempt is left but its log, that stays under another name.
        """
        found = read_log(path) if path.exists() else []
        earlier = [record for record in found if record.step <= first_step]
        self.notices = list(_lost(path, found, first_step))
        if found and not first_step:
            path.replace(_free_name(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "".join(map(_line, earlier)))
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def write(self, record: StepRecord) -> None:
        self._file.write(_line(record))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_log(path: Path) -> Sequence[StepRecord]:
    """Every complete line; a last one that a killed process left unfinished is left out.

    Raises:
        UserError: no such file, or a line that is no record; names it.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read the log ({error.strerror}). Pass the folder of a training.") from error
    records = []
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        content = parse_json(line, f"{path}: line {number}", "Delete the line.")
        try:
            records.append(StepRecord(**content))
        except TypeError as error:
            raise UserError(f"{path}: line {number} is no record of a step ({error}). Delete the line.") from error
    return records


def _lost(path: Path, found: Sequence[StepRecord], first_step: int) -> Iterator[str]:
    """What the user should know of steps that were logged and never saved."""
    last = found[-1].step if found else 0
    if found and not first_step:
        yield (
            f"{path.parent} holds no checkpoint of a training that came to step {last}: it begins again, and its old "
            f"log is {_free_name(path).name}."
        )
    elif last > first_step:
        if last == first_step + 1:
            yield f"Step {last} was logged but not saved: it is done again."
        else:
            yield f"Steps {first_step + 1} to {last} were logged but not saved: they are done again."


def _free_name(path: Path) -> Path:
    """log.jsonl -> log-before-1.jsonl, or the next number that is free."""
    names = (path.with_name(f"{path.stem}-before-{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


def _line(record: StepRecord) -> str:
    described = asdict(record)
    for name in ("watched", "held_out", "left_out"):
        if not described[name]:
            del described[name]
    return json.dumps(described) + "\n"
