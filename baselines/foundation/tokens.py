"""Tokens of transformers on their way out: of a block that a library's own call passes, and as a map."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def listen(module: nn.Module) -> Iterator[list[Tensor]]:
    """What a module returns while this is open, call by call."""
    heard: list[Tensor] = []

    def hook(module: nn.Module, arguments: Any, returned: Tensor) -> None:
        heard.append(returned)

    handle = module.register_forward_hook(hook)
    try:
        yield heard
    finally:
        handle.remove()


def as_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """(B, ..., D) tokens, the last height x width of which are cells row by row -> (B, D, height, width)."""
    cells = tokens[:, -height * width :]
    return cells.transpose(1, 2).unflatten(2, (height, width))
