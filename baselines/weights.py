"""Locate weights, and refuse those that are not all of a model's."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError
from torch import Tensor, nn

from mp_mae.errors import UserError
from mp_mae.files.weights_file import describe_wrong


def fetch_from_hub(repository: str, filename: str) -> Path:
    """A file of a Hugging Face model repository, from the local cache if it is there.

    Raises:
        UserError: not cached and the hub cannot be reached; says which command fetches it.
    """
    try:
        return Path(hf_hub_download(repository, filename, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    try:
        get_hf_file_metadata(
            hf_hub_url(repository, filename), timeout=10
        )  # asks once; the download would retry for long
        return Path(hf_hub_download(repository, filename))
    except (HTTPError, OSError) as error:
        raise UserError(
            f"{repository}: {filename} is not in the local Hugging Face cache and the hub cannot be reached "
            f"({type(error).__name__}). On a machine with a connection run `hf download {repository} {filename}` and "
            "pass the file it names by --weights"
        ) from error


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
