"""Operations of matrix products and convolutions, counted by PyTorch's own formulas."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class WatchingMode(TorchDispatchMode):
    """A mode that sees every operation within its context."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is ever compiled, and else the first operation would import torch._dynamo to make sure of it,
        which takes as long as importing all else."""
        return False


class CountedOperations(WatchingMode):
    """The number of operations: a multiplication and an addition are two. As PyTorch's `FlopCounterMode` counts."""

    def __init__(self) -> None:
        from torch.utils.flop_counter import flop_registry  # noqa: PLC0415 - imports triton

        super().__init__()
        self.total = 0
        self._formulas = flop_registry

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named: Mapping[str, Any] = kwargs or {}
        operation: Any = func
        formula = self._formulas.get(operation.overloadpacket)
        if formula is None:
            with self:  # what it is made of counts
                made = operation.decompose(*args, **named)
            return func(*args, **named) if made is NotImplemented else made
        made = func(*args, **named)
        self.total += formula(*args, **named, out_val=made)
        return made
