"""Weights from the hub, or from its cache on this machine."""

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

from mp_mae.errors import NotHereError


def fetch_from_hub(repository: str, filename: str) -> Path:
    """A file of a Hugging Face model repository, from the local cache if it is there.

    Raises:
        NotHereError: not cached and the hub cannot be reached; says which command fetches it.
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
        raise NotHereError(
            f"{repository}: {filename} is not in the local Hugging Face cache and the hub cannot be reached "
            f"({type(error).__name__}). On a machine with a connection run `hf download {repository} {filename}` and "
            "pass the file it names by --weights"
        ) from error
