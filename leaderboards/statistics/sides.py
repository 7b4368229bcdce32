"""The two sides of a comparison as users name them, and the curves of each: `backbone[@HEX][:protocol]`.

In the order of reading: `pair_curves` takes both texts apart (`parse_side`), finds the curves that each means
(`_curves`), and keeps those of one side that have a counterpart (`Shared`) on the other. Where a side has several kinds
of result on one dataset, `match_kinds` says which goes with which.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from leaderboards.errors import UserError
from leaderboards.statistics.reading import CurveKey, Facts, Point


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
    kind: str
    """What tells this from other kinds of result of the same two on this dataset; empty: there is one kind."""

    @property
    def sign(self) -> float:
        """What turns a difference of scores into an advantage, positive where the first is better."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def draws_shared(self) -> bool:
        """Whether one seed draws the same training samples for both."""
        return self.train_draw == "seed"


ReadFacts = Callable[[Collection[str]], Mapping[str, Facts]]
"""curve_ids -> the facts of each."""

_LONG = 24
"""Characters: a value of more is named by its hash."""


class Match(NamedTuple):
    """One kind of result that both sides have."""

    a: CurveKey
    b: CurveKey
    kind: str
    """What tells it from the others, for readers."""


Pairs = dict[Shared, tuple[Curve, Curve]]


def pair_curves(points: Mapping[CurveKey, list[Point]], a: str, b: str, read: ReadFacts) -> tuple[Pairs, list[str]]:
    """The curves of both sides that can be compared, and a line for each dataset where nobody can say which ones.

    Args:
        a: `backbone[@HEX][:protocol]`; `b` likewise, with a protocol if `a` has one.
        read: the facts that tell several kinds of result on one dataset apart.
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
    common = {shared: (keys, curves_b[shared]) for shared, keys in curves_a.items() if shared in curves_b}
    if not common:
        raise UserError(
            f"{a} and {b} have no dataset and protocol in common with labels chosen alike (--select, --train-draw). "
            "See: python -m harness leaderboard"
        )
    if any(keys_a == keys_b and len(keys_a) == 1 for keys_a, keys_b in common.values()):
        raise UserError(
            f"{a} and {b} are the same results. Name two backbones, two weights as {side_a.backbone}@HEX, or two "
            f"protocols as {side_a.backbone}:fine_tune."
        )
    pairs: Pairs = {}
    unclear = []
    for shared, (keys_a, keys_b) in common.items():
        if len(keys_a) == len(keys_b) == 1:
            pairs[shared] = (keys_a[0], points[keys_a[0]]), (keys_b[0], points[keys_b[0]])
        elif matches := match_kinds(keys_a, keys_b, read):
            for one in matches:
                pairs[replace(shared, kind=one.kind)] = (one.a, points[one.a]), (one.b, points[one.b])
        else:
            of_several = [(side, keys) for side, keys in ((side_a, keys_a), (side_b, keys_b)) if len(keys) > 1]
            unclear += [_choose(side, keys) for side, keys in of_several]
    if not pairs:
        raise UserError(unclear[0])
    return pairs, list(dict.fromkeys(unclear))


def _choose(side: Side, keys: Sequence[CurveKey]) -> str:
    choices = ", ".join(str(replace(side, digits=hexes)) for hexes in _telling_apart(keys))
    return f"{keys[0].describe()}: {len(keys)} kinds of result. Choose one: {choices}."


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


def _curves(points: Collection[CurveKey], side: Side, label: str) -> dict[Shared, list[CurveKey]]:
    """The curves of a side for each dataset, and for each protocol if it names none.

    Args:
        label: of both sides' protocols, where they name some; empty: each curve's own.
    """
    found: defaultdict[Shared, list[CurveKey]] = defaultdict(list)
    for key in points:
        if side.means(key):
            found[_shared(key, label or key.protocol)].append(key)
    if not found:
        raise UserError(f"{side.backbone} has no weights or setup that begin with {side.digits}. See: FROM scores.")
    return found


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
        kind="",
    )


def _telling_apart(keys: Sequence[CurveKey]) -> list[str]:
    weights = [key.weights for key in keys]
    return weights if len(set(weights)) == len(weights) and all(weights) else [key.setup for key in keys]


def match_kinds(of_a: Sequence[CurveKey], of_b: Sequence[CurveKey], read: ReadFacts) -> list[Match]:
    """Which kind of A goes with which of B: those alike in all that tells the kinds of a side apart.

    What has no value in common on both sides, as the bands of two networks, is of the backbones and tells nothing.

    Returns:
        Empty if none are alike, or if it cannot be said which of several goes with which.
    """
    known = read([key.curve_id for key in (*of_a, *of_b)])
    facts = {key: {**known[key.curve_id], "weights": key.weights} for key in (*of_a, *of_b)}
    names = [
        name
        for name in sorted({name for key in facts for name in facts[key]})
        if max(len(_values(side, facts, name)) for side in (of_a, of_b)) > 1
        and _values(of_a, facts, name) & _values(of_b, facts, name)
    ]

    def told(key: CurveKey, of: Sequence[str]) -> tuple[str | None, ...]:
        return tuple(facts[key].get(name) for name in of)

    pairs = [(a, b) for a in of_a for b in of_b if a != b and told(a, names) == told(b, names)]
    often = Counter(key for pair in pairs for key in dict.fromkeys(pair))
    if not pairs or any(n > 1 for n in often.values()):
        return []
    one = [[name] for name in sorted(names, key=lambda name: max(len(facts[a].get(name) or "") for a, _ in pairs))]
    enough = [some for some in one if all(len(_values(side, facts, some[0])) == len(side) for side in (of_a, of_b))]
    shown = enough[0] if enough else names
    return [Match(a, b, ", ".join(f"{name} {_short(facts[a].get(name))}" for name in shown)) for a, b in pairs]


def _values(keys: Sequence[CurveKey], facts: Mapping[CurveKey, Facts], name: str) -> set[str | None]:
    return {facts[key].get(name) for key in keys}


def _short(value: str | None) -> str:
    """A value for readers: of hashes and lists, which nobody reads, eight digits."""
    if value is None:
        return "none"
    text = value.strip('"')
    if len(text) <= _LONG:
        return text
    return text[:8] if text.isalnum() else sha256(text.encode()).hexdigest()[:8]
