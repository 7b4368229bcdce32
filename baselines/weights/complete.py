"""Refuse weights that are not all of a model's."""

from collections.abc import Mapping, Sequence, Set

from torch import Tensor, nn

from mp_mae.errors import UserError
from mp_mae.files.weights_file import describe_wrong


def refuse_incomplete(
    state: Mapping[str, Tensor],
    model: nn.Module,
    *,
    where: str,
    advice: str,
    may_lack: Set[str] = frozenset(),
    wrong: Sequence[str] = (),
) -> None:
    """Refuse tensors that are not all of a model's, each in its shape and of numbers.

    Args:
        where: begins the message, advice ends it.
        may_lack: tensors of the model that may be absent.
        wrong: what was found to be wrong already.
    Raises:
        UserError: names what is missing, unexpected and wrong.
    """
    own = model.state_dict()
    numbers = {name: tensor for name, tensor in own.items() if tensor.is_floating_point()}  # a norm counts its batches
    wanted = {name: tensor.shape for name, tensor in numbers.items() if name not in may_lack}
    missing, unexpected = sorted(wanted.keys() - state.keys()), sorted(state.keys() - own.keys())
    wrong = wrong or describe_wrong(state, wanted)
    if missing or unexpected or wrong:
        raise UserError(
            f"{where}: missing {missing[:5]}, unexpected {unexpected[:5]}, wrong {list(wrong[:5])}. {advice}"
        )
