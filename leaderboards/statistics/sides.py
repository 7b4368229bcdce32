"""The two sides of a comparison as users name them, and the curves of each: `backbone[@HEX][:protocol]`.

In the order of reading: `pair_curves` takes both texts apart (`parse_side`), finds the curves that each means
(`_curves`), and keeps those of one side that have a counterpart (`Shared`) on the other.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from leaderboards.errors import UserError
from leaderboards.statistics.reading import CurveKey, Point


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side: a backbone, perhaps one of its weights or setups, perhaps one protocol."""

    backbone: str
    digits: str = ""
    """First hex digits of its weights or setup; empty: it has only one."""
    protocol: str | None = None
    """None: whatever both sides have."""

    def means(self, curve: CurveKey) -> bool:
        """Whether this curve is one of it."""
        its_own = curve.weights.startswith(self.digits) or curve.setup.startswith(self.digits)
        return curve.backbone == self.backbone and its_own and self.protocol in (None, curve.protocol)

    def __str__(self) -> str:
        return (
            self.backbone + (f"@{self.digits}" if self.digits else "") + (f":{self.protocol}" if self.protocol else "")
        )


Curve = tuple[CurveKey, list[Point]]
"""What it is, and its points in the order of their labels."""


@dataclass(frozen=True)
class Shared:
    """What two compared curves have in common, and by which protocol each was measured."""

    suite: str
    dataset: str
    protocol: str
    """Of both; `fine_tune - linear_probe` where they differ."""
    selection: str
    train_draw: str
    axis: str
    metric: str
    higher_is_better: bool

    @property
    def sign(self) -> float:
        """What turns a difference of scores into an advantage, positive where the first is better."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def draws_shared(self) -> bool:
        """Whether one seed draws the same training samples for both."""
        return self.train_draw == "seed"


def pair_curves(points: Mapping[CurveKey, list[Point]], a: str, b: str) -> dict[Shared, tuple[Curve, Curve]]:
    """The curves of both sides that can be compared.

    Args:
        a: `backbone[@HEX][:protocol]`; `b` likewise, with a protocol if `a` has one.
    Raises:
        UserError: unknown, ambiguous or equal sides, or nothing that both were measured with.
    """
    side_a, side_b = parse_side(points, a), parse_side(points, b)
    if (side_a.protocol is None) != (side_b.protocol is None):
        named, bare = (a, b) if side_a.protocol else (b, a)
        raise UserError(
            f"{named} names a protocol and {bare} does not. Name one on both sides, such as "
            f"{bare}:{side_a.protocol or side_b.protocol}, or on neither"
        )
    label = " - ".join(dict.fromkeys(side.protocol for side in (side_a, side_b) if side.protocol))
    curves_a, curves_b = (_curves(points, side, label) for side in (side_a, side_b))
    common = [shared for shared in curves_a if shared in curves_b]
    if not common:
        raise UserError(
            f"{a} and {b} have no dataset and protocol in common with labels chosen alike (--select, --train-draw). "
            "See: python -m harness leaderboard"
        )
    if any(curves_a[shared][0] == curves_b[shared][0] for shared in common):
        raise UserError(
            f"{a} and {b} are the same results. Name two backbones, two weights as {side_a.backbone}@HEX, or two "
            f"protocols as {side_a.backbone}:fine_tune."
        )
    return {shared: (curves_a[shared], curves_b[shared]) for shared in common}


def parse_side(keys: Collection[CurveKey], text: str) -> Side:
    """Names that are there decide where a name ends: it may itself contain a colon or an @."""
    names = {key.backbone for key in keys}
    rest, protocol = text, None
    if text not in names and ":" in text:
        rest, _, protocol = text.rpartition(":")
    backbone, _, digits = (rest, "", "") if rest in names else rest.rpartition("@")
    if backbone not in names:
        known_protocol = any(key.protocol == protocol for key in keys)
        name = rest if known_protocol or protocol is None else text  # `timm:resnet50` is a name, not a protocol
        raise UserError(f"no measured run of backbone {name!r}. There are: {', '.join(sorted(names)) or 'none'}.")
    protocols = {key.protocol for key in keys if key.backbone == backbone}
    if protocol is not None and protocol not in protocols:
        raise UserError(f"no run of {backbone} by protocol {protocol!r}. There are: {', '.join(sorted(protocols))}.")
    return Side(backbone=backbone, digits=digits, protocol=protocol)


def _curves(points: Mapping[CurveKey, list[Point]], side: Side, label: str) -> dict[Shared, Curve]:
    """The one curve of a side for each dataset, and for each protocol if it names none.

    Args:
        label: of both sides' protocols, where they name some; empty: each curve's own.
    """
    found: defaultdict[Shared, list[CurveKey]] = defaultdict(list)
    for key in points:
        if side.means(key):
            found[_shared(key, label or key.protocol)].append(key)
    if not found:
        raise UserError(f"{side.backbone} has no weights or setup that begin with {side.digits}. See: FROM scores.")
    for keys in found.values():
        if len(keys) > 1:
            choices = ", ".join(str(replace(side, digits=hexes)) for hexes in _telling_apart(keys))
            raise UserError(f"{keys[0].describe()}: {len(keys)} kinds of result. Choose one: {choices}.")
    return {shared: (key, points[key]) for shared, (key,) in found.items()}


def _shared(key: CurveKey, protocol: str) -> Shared:
    return Shared(
        suite=key.suite,
        dataset=key.dataset,
        protocol=protocol,
        selection=key.selection,
        train_draw=key.train_draw,
        axis=key.axis,
        metric=key.metric,
        higher_is_better=key.higher_is_better,
    )


def _telling_apart(keys: Sequence[CurveKey]) -> list[str]:
    weights = [key.weights for key in keys]
    return weights if len(set(weights)) == len(weights) and all(weights) else [key.setup for key in keys]
