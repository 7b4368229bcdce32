"""Entry: one backbone as users choose it, and how it is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from baselines.wishes import Wish
from mp_mae.errors import UserError

if TYPE_CHECKING:
    from baselines.contract import Backbone
    from baselines.registry.python_file import PythonFile


DEMO_WEIGHTS = Path(__file__).parent / "demo_weights"
"""Written by `python -m mp_mae demo`, one folder a backbone."""


class Kind(StrEnum):
    """What a backbone owes its features to. Rows store the value; it decides nothing, and is no part of an identity."""

    PRETRAINED = "pretrained"
    """Weights that learnt from images: it is expected to beat the floors, and marked where it does not."""
    UNTRAINED = "untrained"
    """A network whose weights are drawn at random: the control of one that was trained."""
    FLOOR = "floor"
    """Statistics and filters that somebody wrote down, or fitted in closed form."""


def plain_name(name: str) -> str:
    """The name of a backbone without what is wished for behind it."""
    return name.partition("?")[0]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One backbone as users choose it."""

    name: str
    summary: str
    module: str
    """Module of the function that builds it; for a Python file that the user named, that file's name."""
    function: str = "build"
    """The function, called as `build(weights: Path | None, seed: int, **settings) -> Backbone`."""
    file: "PythonFile | None" = None
    """Where `module` is, if it is not to be imported by its name."""
    bands: str = "not said"
    """The bands it reads, in a few words for a list; the backbone itself declares them (`InputSpec.bands`)."""
    unit: str = "not said"
    """The unit of the values it was trained with, in a few words; the backbone itself declares it."""
    size_px: int | None = None
    """Side of the images it was trained with; None: not said, or it takes any."""
    parameters: int | None = None
    """How many it has; None: that depends on the weights, or on the bands of a dataset, or nobody has counted."""
    licence: str = "not said"
    """Of its weights, where they come with it."""
    library: str = "own"
    """Whose code the network is: `timm`, `torchgeo`, `terratorch`, or its own."""
    source: str = "not said"
    """Where its weights come from."""
    pitfall: str = ""
    """The mistake that is easily made with it, in a line."""
    package: str | None = None
    """The installed package that registers it; None: it is built in, or the user named the file."""
    code_sha256: str | None = None
    """Of the Python files of that package, 64 hex digits."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What makes it another network than the same module builds without; part of a run's identity."""
    requires: Mapping[str, Any] = field(default_factory=dict)
    """Settings that only refuse weights of another kind: what is let through is the same network as without."""
    weights: Literal["required", "optional", "none"]
    """Whether `--weights` must, may or cannot be given."""
    kind: Kind = Kind.PRETRAINED
    """What its features come from."""
    seeded: bool = False
    """Whether its weights are drawn from the seed, so that each is another network."""
    has_demo_weights: bool = False
    """Whether weights learnt from the simulated world are shipped. They are for the suite `demo` alone."""
    wishes: tuple[Wish, ...] = ()
    """What may be wished for behind its name, `NAME?key=value`; each is a setting of that key."""
    checkpoint_of: str | None = None
    """The backbone of which this is one checkpoint, under a name that the user chose."""
    demo_twin: str | None = None
    """The built-in backbone that is the same at the size of the demo weights: of `all`, it takes this one's place on
    the suite `demo`, and runs nowhere else."""

    @property
    def demo_weights(self) -> Path | None:
        """Folder of the shipped weights, if there are any."""
        return DEMO_WEIGHTS / plain_name(self.name) if self.has_demo_weights else None

    def build(self, weights: Path | None, seed: int) -> "Backbone":
        """Import and build it. UserError if its weights are absent, damaged or of another kind, or nothing builds it.

        Unless it is `seeded` the seed that arrives is always 0: nothing else could make one network of all seeds.
        """
        module = self.file.load() if self.file else import_module(self.module)
        build = getattr(module, self.function, None)
        if not callable(build):
            raise UserError(
                f"{self.file.path if self.file else self.module}: wanted a function `{self.function}(weights, seed)` "
                f"or an Entry of that name, found {'none' if build is None else type(build).__name__}"
            )
        backbone = build(weights, seed if self.seeded else 0, **self.settings, **self.requires)
        if self.file or self.package:
            from baselines.registry.outside import with_state  # noqa: PLC0415 - imports torch

            return with_state(backbone, self.name)
        return cast("Backbone", backbone)

    def describe(self, backbone: "Backbone") -> dict[str, Any]:
        """What a backbone that was built from this entry is, beside its weights, whatever the entry is called."""
        return {
            **self.settings,
            **backbone.origin.settings,
            "builder": self.module if self.function == "build" else f"{self.module}:{self.function}",
            "version": backbone.version,
            **({"limits": list(backbone.inputs.limits)} if backbone.inputs.limits else {}),
            **({"file_sha256": self.file.sha256} if self.file else {}),
            **({"code_sha256": self.code_sha256} if self.code_sha256 else {}),
        }
