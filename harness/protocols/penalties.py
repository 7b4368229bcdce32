"""Penalties of ridge regression: which are tried, and which is kept where valid chooses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """The penalties tried, as scikit-learn's alpha: weight of |W|^2 against the summed squared error.

    For standardised features the eigenvalues of X^T X are between 0 and n x D, so 1e7 leaves next to nothing of any
    weight and 1e-2 hardly shrinks one; 28 penalties are a factor 2.2 apart.
    """

    version: int
    n_penalties: int = 28
    strongest: float = 1e7
    weakest: float = 1e-2

    @property
    def values(self) -> list[float]:
        """The penalties, the strongest first."""
        values: list[float] = np.geomspace(self.strongest, self.weakest, self.n_penalties).tolist()
        return values


def best_on_valid(scores: Iterable[float], penalties: Sequence[float], undefined: str, protocol: str) -> float:
    """The penalty whose predictions of valid have the best score, of equals the strongest.

    Args:
        scores: of each penalty; minus infinity if undefined.
        undefined: why that may be, for a message.
        protocol: what chooses, for a message.
    Raises:
        UserError: the score is undefined everywhere.
    """
    found = list(scores)
    best = int(np.argmax(found))
    if found[best] == -np.inf:
        raise UserError(
            f"the headline metric is undefined on the valid split ({undefined}?), so {protocol} cannot choose its "
            "penalty by it. Pass --select cv"
        )
    return penalties[best]
