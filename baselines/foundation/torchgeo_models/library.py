"""torchgeo's own builders of networks, where it is installed and new enough."""

from collections.abc import Callable

from torch import nn

from baselines.foundation.libraries import import_from
from baselines.foundation.record import Record
from mp_mae.errors import NotHereError


def find_builder(record: Record) -> Callable[..., nn.Module]:
    """The function of torchgeo that `arguments` of a record calls its `builder`.

    Raises:
        NotHereError: torchgeo is not installed, or is older than the model.
    """
    name = record.arguments["builder"]
    builder: Callable[..., nn.Module] | None = getattr(import_from("torchgeo", "torchgeo.models"), name, None)
    if builder is None:
        version = import_from("torchgeo", "torchgeo").__version__
        raise NotHereError(
            f"{name} is not in torchgeo {version}, but in later ones, beside which terratorch 1.2 cannot be installed. "
            "Run: pip install 'torchgeo>=0.10'"
        )
    return builder
