"""What every process of a training has to find alike, or none goes on: one that alone did would wait for ever."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from accelerate.utils import gather_object

from mp_mae.errors import AgreedError, UserError
from mp_mae.training.state import describe_differences

T = TypeVar("T")


def do_alike(work: Callable[[], T]) -> T:
    """What `work` returns here, once it has succeeded in every process.

    Raises:
        AgreedError: it failed somewhere; names the first process where it did, unless that is the first one.
        Exception: of another kind than UserError, in the process that it happened to.
    """
    failure: Exception | None = None
    result: list[T] = []
    try:
        result.append(work())
    except Exception as error:  # whatever it is, the others have to hear of it
        failure = error
    told = gather_object([_tell(failure)])
    if failure is not None and not isinstance(failure, UserError):
        raise failure
    if any(told):
        rank = next(rank for rank, text in enumerate(told) if text)
        where = f"process {rank}: " if rank else ""
        raise AgreedError(f"{where}{told[rank]}") from failure
    return result[0]


def smallest(number: int) -> int:
    """The smallest of the processes' numbers."""
    return int(min(gather_object([number])))


def of_first_process(value: T) -> T:
    """What the first process has."""
    first: T = gather_object([value])[0]
    return first


def check_alike(facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises AgreedError that names what a process has otherwise than the first one.

    Args:
        facts: JSON values by group and key.
    """
    of_all = gather_object([facts])
    for rank, other in enumerate(of_all):
        if differing := describe_differences(other, of_all[0], now="the first one's"):
            raise AgreedError(
                f"process {rank} differs from the first one in {', '.join(differing)}. "
                "Start all of them with the same command, on the same data and --out."
            )


def _tell(failure: Exception | None) -> str:
    if failure is None or isinstance(failure, UserError):
        return "" if failure is None else str(failure)
    return f"{type(failure).__name__}: {failure}"
