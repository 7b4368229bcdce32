"""The most memory that tensors take at once, counted rather than measured: the same on every machine."""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from harness.execution.operations import WatchingMode


class LiveMemory(WatchingMode):
    """Follows every tensor that operations make within its context until nobody holds it any more.

    What a kernel needs for itself while it computes is not seen, nor what an allocator keeps for later.
    """

    def __init__(self, there: Iterable[Tensor]) -> None:
        """
        Args:
            there: tensors that are alive before: what enters, parameters.
        """
        super().__init__()
        self.peak_bytes = 0
        self._bytes = 0
        self._alive: set[int] = set()
        """Storages, which several tensors may share."""
        self._follow(there)
        self.bytes_before = self._bytes
        """Of what was alive before."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        self._follow(one for one in tree_leaves(made) if isinstance(one, Tensor))
        return made

    def _follow(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if (key := storage._cdata) in self._alive:
                continue
            size = storage.nbytes()
            self._alive.add(key)
            self._bytes += size
            self.peak_bytes = max(self.peak_bytes, self._bytes)
            weakref.finalize(storage, self._let_go, key, size)

    def _let_go(self, key: int, size: int) -> None:
        self._alive.discard(key)
        self._bytes -= size
