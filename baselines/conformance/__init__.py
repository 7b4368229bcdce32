"""The conformance suite: what every backbone must do before its scores mean anything, one check a promise.

`python -m harness backbones check NAME` prints it; our own contract tests run it over every built-in backbone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from baselines.conformance.broken_promise import BrokenPromiseError, NotCheckedError
from baselines.conformance.declared import check_declaration, check_no_fallback
from baselines.conformance.features import check_batch, check_device, check_gradients, check_repeats, check_shapes
from baselines.conformance.fed import check_bands, check_normalisation, check_reference, check_sizes, check_untouched
from baselines.conformance.subject import Subject, build_subject
from baselines.entry import Entry
from mp_mae.errors import UserError

CHECKS: dict[str, tuple[str, Callable[[Subject], None]]] = {
    "declaration": ("bands, unit and moments fit together", check_declaration),
    "no silent fallback": (
        "weights that are absent, foreign or damaged are refused; none are drawn",
        check_no_fallback,
    ),
    "shapes": ("float32 vectors and maps as promised, all of them numbers", check_shapes),
    "determinism": ("the same image gives the same features", check_repeats),
    "batch independence": ("an image's features do not depend on its batch", check_batch),
    "input untouched": ("the caller's pixels stay as they are", check_untouched),
    "normalisation": ("the statistics it is called with decide what enters", check_normalisation),
    "bands by name": ("every band counts, and no two are taken for each other", check_bands),
    "known answer": ("bands known by name give the features that the model's own code gives", check_reference),
    "image sizes": ("images of odd sides are embedded", check_sizes),
    "gradients": ("fine-tuning reaches its weights", check_gradients),
    "device": ("the GPU gives what the processor gives", check_device),
}
"""Name -> what is promised, and the check. It raises what is wrong."""


@dataclass(frozen=True)
class Verdict:
    """What came of one check."""

    check: str
    promise: str
    passed: bool | None
    """None: it could not be checked here."""
    detail: str = ""
    """What is wrong, or why it could not be checked."""


def check_backbone(entry: Entry, weights: Path | None) -> Iterator[Verdict]:
    """Build a backbone and hold it to its contract, check by check.

    A backbone that cannot be built has one verdict, which says why. One that fails `shapes` is not asked what
    follows: every check would find the same.
    """
    try:
        subject = build_subject(entry, weights)
    except Exception as error:  # a plug-in's own, and the very thing that is to be told
        yield Verdict("build", "it can be built", False, _one_line(error))
        return
    shapeless = False
    for name, (promise, check) in CHECKS.items():
        if shapeless:
            yield Verdict(name, promise, None, "there are no features to compare until `shapes` passes")
            continue
        passed, detail = _ask(check, subject)
        yield Verdict(name, promise, passed, detail)
        shapeless = name == "shapes" and passed is False


def _ask(check: Callable[[Subject], None], subject: Subject) -> tuple[bool | None, str]:
    """`passed` and `detail` of a verdict."""
    try:
        check(subject)
    except NotCheckedError as reason:
        return None, str(reason)
    except BrokenPromiseError as reason:
        return False, str(reason)
    except Exception as error:  # whatever a plug-in raises where it should have answered
        return False, _one_line(error)
    return True, ""


def _one_line(error: Exception) -> str:
    """Ours are whole, as they end with what to do; of what a plug-in raises the beginning is enough."""
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return told if isinstance(error, UserError) else told[:300]
