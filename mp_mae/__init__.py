"""MP-MAE: multi-pretext masked autoencoders on ConvNeXt V2 (Nedungadi et al., 2024, arXiv:2405.02771).

Importing this package alone imports nothing; what is named below is found when it is asked for. `import mp_mae.encoder`
makes `timm.create_model("mp_mae_convnextv2_atto")` and its larger sisters known to timm.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mp_mae.checkpoint import load_checkpoint, load_encoder
    from mp_mae.training.loop import pretrain
    from mp_mae.training.settings import Settings

__all__ = ["Settings", "load_checkpoint", "load_encoder", "pretrain"]

_WHERE = {
    "Settings": "mp_mae.training.settings",
    "load_checkpoint": "mp_mae.checkpoint",
    "load_encoder": "mp_mae.checkpoint",
    "pretrain": "mp_mae.training.loop",
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, imported now: torch takes seconds."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
