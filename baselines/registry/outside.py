"""A backbone from outside is known by the tensors it holds as well as by what it says of itself."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.contract import Backbone
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import UserError


def with_state(built: Any, name: str) -> Backbone:
    """What a `build` from outside returned, with the hash of its state in its settings.

    Who writes a constant for `Origin.weights_sha256` would else be given the features of other weights.

    Args:
        name: of the entry, for messages.
    Raises:
        UserError: it is no backbone.
    """
    if not isinstance(built, Backbone):
        raise UserError(f"{name}: its function returned {built!r:.60}; a baselines.contract.Backbone is wanted")
    state = {key: value for key, value in built.state_dict().items() if isinstance(value, Tensor)}
    built.origin = replace(built.origin, settings={**built.origin.settings, "state_sha256": hash_tensors(state)})
    return built
