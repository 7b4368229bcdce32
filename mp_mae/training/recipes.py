"""Named settings to start from: what `--recipe` chooses."""

from collections.abc import Callable

from mp_mae.model_config import MPMAEOptions
from mp_mae.training.settings import Settings


def paper(data: str) -> Settings:
    """The settings of the paper, with missing data excluded exactly."""
    return Settings(data=data)


def published(data: str) -> Settings:
    """What the published checkpoints were trained with, its rules for missing data, its GRN and its holes included."""
    return Settings(data=data, options=MPMAEOptions(grn="batch", holes="absent", losses="published"))


def quick(data: str) -> Settings:
    """A look at a small dataset on a laptop: minutes, and nothing to compare with anybody's numbers.

    The rate is the same however few tiles there are: scaled to a batch of nine it would move nothing.
    """
    return Settings(
        data=data, epochs=50, batch=64, base_rate=1e-3, scale_rate=False, options=MPMAEOptions(decoder_width=128)
    )


def demo(data: str) -> Settings:
    """What the shipped demo weights were trained with, on tiles of the simulated world (`python -m mp_mae demo`)."""
    return Settings(
        data=data,
        size="demo",
        turn=True,
        epochs=12,
        batch=128,
        base_rate=1e-3,
        precision="float32",
        log_every=10,
        options=MPMAEOptions(decoder_width=128),
    )


RECIPES: dict[str, Callable[[str], Settings]] = {
    "paper": paper,
    "published": published,
    "quick": quick,
    "demo": demo,
}
