"""What the registry says of a protocol: what it needs, which labels it takes, how it chooses and may be tuned."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from harness.records.labels import LabelKind
from harness.records.outcome import Outcome, Range
from harness.records.run import Selection


class Need(StrEnum):
    """What a protocol works on, beside labels; what it gets (`records.materials`) follows from that."""

    IMAGE_FEATURES = "image features"
    """One vector an image, as the frozen backbone pools it: a `Material`."""
    PIXEL_FEATURES = "pixel features"
    """The frozen backbone's feature pyramids, and labels of pixels: a `PixelMaterial`."""
    AREAS = "areas"
    """One vector an image, and how much of its mask each class covers: an `AreaMaterial`."""
    PIXELS = "pixels to train on"
    """The images, and the backbone to train on them: an `ImageMaterial`."""


@dataclass(frozen=True)
class SearchSpace:
    """How `--trials` tunes a protocol: the same for every backbone."""

    space: Mapping[str, Range]
    """Fields of its settings. Its settings also have `trials`, which makes their number part of a run's identity."""
    curve: Callable[[Any, Any, int], Iterator[float]]
    """(material, settings, seed) -> how good it is on valid as one training goes on (`ImageMaterial.score`)."""


@dataclass(frozen=True, kw_only=True)
class ProtocolEntry:
    """A protocol with the settings it runs with; they are part of a run's identity."""

    settings: Any
    """A frozen dataclass with a `version`; JSON-able."""
    function: Callable[[Any, Any, int], Outcome]
    """(material, settings, seed of the run) -> predictions."""
    needs: Need
    label_kinds: frozenset[LabelKind]
    selections: frozenset[Selection]
    """Ways it can choose its hyper-parameters; NONE alone: it has none to choose."""
    uses_seed: bool = True
    """Whether it may predict otherwise from the same features, labels and settings with another seed."""
    few_labels: bool = False
    """Runs on draws of few labels, `--shots` and `--budgets`, instead of `--partitions`."""
    many_cores: bool = False
    """It trains a network on features: on all cores, or the GPU. Others of features keep one core busy where train is
    small."""
    search: SearchSpace | None = None
    """None: there is nothing to tune by trials."""
    images_read: Callable[[Any, Selection, int, int, int, int], int] | None = None
    """(settings, selection, images of train, of valid, of test, bytes of one) -> how many images' stored features a run
    reads. None: each once or so."""

    @property
    def trains_backbone(self) -> bool:
        """Whether it changes the backbone instead of taking its features."""
        return self.needs is Need.PIXELS

    @property
    def uses_all_cores(self) -> bool:
        """Whether a run wants the machine, or the GPU, for itself."""
        return self.many_cores or self.trains_backbone

    def with_trials(self, trials: int) -> Any:
        """The settings of a run for which so many trials were asked."""
        return replace(self.settings, trials=trials) if self.search else self.settings

    def selection(self, asked: Selection) -> Selection | None:
        """How a run chooses: as asked, or not at all, so that asking it nothing in two ways makes one run.

        One that only ever chooses inside train does so: it costs no label. None: it must choose and cannot in the way
        asked.
        """
        if asked in self.selections:
            return asked
        if self.selections == {Selection.CV}:
            return Selection.CV
        return Selection.NONE if Selection.NONE in self.selections else None
