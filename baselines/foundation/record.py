"""Record: one pretrained model of another library, told as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from baselines.contract import InputSpec


@dataclass(frozen=True, kw_only=True)
class Record:
    """One model with its weights: what it eats, how it is built, where it comes from."""

    name: str
    """What its library calls it."""
    family: str
    """How it is built, called and stored: a key of the library's table of families."""
    inputs: Mapping[str, InputSpec]
    """What it eats, by the name of the modality; the first unless another one is wished for."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What its family needs to know of it."""
    metadata: bool = False
    """Whether it can be told day and place of an image, and learnt to do without."""
    repository: str
    """Of the Hugging Face hub."""
    file: str
    """The file of its weights there."""
    licence: str
    """Of its weights; `not stated` where nobody says it."""
    parameters: int
    """How many it has, without any classifier, as it reads the first of `inputs`."""
    pitfall: str = ""
    """The mistake that others made with it, in a line."""

    @property
    def source(self) -> str:
        """Where its weights come from."""
        return f"https://huggingface.co/{self.repository}"
