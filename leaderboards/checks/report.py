"""What a check found, for machines and for people: JUnit XML, Markdown (a job summary) and JSON."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

from leaderboards.checks.baseline import CurveName
from leaderboards.checks.check import ALPHA, AREA, FAILING, Finding, Verdict, failed
from leaderboards.errors import UserError
from leaderboards.formats.markdown import markdown_table

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def summarise(findings: Sequence[Finding]) -> str:
    """One line: how many of each verdict, and the false-alarm rate."""
    counts = Counter(finding.verdict for finding in findings)
    listed = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return f"{listed or 'nothing to check'} (chance of a false alarm: {ALPHA:.0%} per check)"


def tell(findings: Sequence[Finding]) -> list[tuple[Verdict, str]]:
    """Lines for a terminal, the worst of each verdict and how many more there are; what is new is only counted.

    Of what held, the largest drops: too small to be told from noise, but where to look first.
    """
    lines = []
    for verdict in (Verdict.REGRESSED, Verdict.MISSING, Verdict.IMPROVED):
        found = [finding for finding in findings if finding.verdict is verdict]
        found.sort(key=lambda finding: -abs(finding.drop))
        lines += [(verdict, describe(finding)) for finding in found[:_TOLD]]
        if len(found) > _TOLD:
            lines.append((verdict, f"{verdict}: {len(found) - _TOLD} more; --markdown FILE lists all"))
    held = [finding for finding in findings if finding.verdict is Verdict.OK and finding.drop > 0]
    held.sort(key=lambda finding: -finding.drop)
    return lines + [(Verdict.OK, f"not told from noise, {describe(finding)}") for finding in held[:_HELD]]


_TOLD, _HELD = 8, 3
"""Lines of one verdict."""


def describe(finding: Finding) -> str:
    """One line: which curve, where, by how much."""
    where = f"{finding.curve}, {_place(finding)}"
    if finding.n_labels is not None:
        where += f" ({finding.n_labels} labels)"
    change = f"{_score(finding, finding.before)} -> {_score(finding, finding.now)}"
    if finding.change is not None:
        change += f" ({_score(finding, finding.change, '+')}, adjusted p {finding.p_adjusted:.2g})"
    return f"{finding.verdict}: {where}: {_metric(finding.curve)} {change}" + (
        f"; {finding.note}" if finding.note else ""
    )


def to_junit(findings: Sequence[Finding]) -> str:
    """JUnit XML: a test case per point and area; regressed and missing ones are failures, new ones skipped."""
    suite = ElementTree.Element(
        "testsuite",
        name="label efficiency",
        tests=str(len(findings)),
        failures=str(sum(finding.verdict in FAILING for finding in findings)),
        skipped=str(sum(finding.verdict is Verdict.NEW for finding in findings)),
        errors="0",
    )
    for finding in findings:
        curve = finding.curve
        group = ".".join((curve.suite, curve.dataset, curve.protocol, curve.selection, curve.train_draw, curve.axis))
        case = ElementTree.SubElement(
            suite, "testcase", classname=_xml(group), name=_xml(f"{curve.backbone} {finding.partition}")
        )
        if finding.verdict in FAILING:
            ElementTree.SubElement(case, "failure", type=str(finding.verdict), message=_xml(describe(finding)))
        elif finding.verdict is Verdict.NEW:
            ElementTree.SubElement(case, "skipped", message=_xml(describe(finding)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def to_markdown(findings: Sequence[Finding]) -> str:
    """A job summary: what failed first, then the rest folded away."""
    lines = [f"## Label efficiency: {'FAILED' if failed(findings) else 'passed'}", "", summarise(findings), ""]
    worst = [finding for finding in findings if finding.verdict is not Verdict.OK]
    fine = [finding for finding in findings if finding.verdict is Verdict.OK]
    if worst:
        lines += _markdown_table(sorted(worst, key=lambda finding: list(Verdict).index(finding.verdict)))
    if fine:
        lines += ["<details><summary>Unchanged within noise</summary>", "", *_markdown_table(fine), "</details>", ""]
    return "\n".join(lines)


def to_json(findings: Sequence[Finding]) -> str:
    """An object with `failed`, `alpha` and every finding."""
    rows = [{**asdict(finding), "change": finding.change} for finding in findings]
    document = {"failed": failed(findings), "alpha": ALPHA, "findings": rows}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_report(text: str, path: Path) -> None:
    """Raises UserError if the place is not writable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Name another place.") from error


def _place(finding: Finding) -> str:
    """The partition; of an area the axis, as one backbone has curves over shares of the data and over shots."""
    return f"{AREA} over {finding.curve.axis}" if finding.partition == AREA else finding.partition


_COLUMNS = (
    *("", "dataset", "backbone", "protocol", "partition", "labels"),
    *("metric", "before", "now", "change", "adjusted p"),
)


def _markdown_table(findings: Sequence[Finding]) -> list[str]:
    rows = []
    for finding in findings:
        curve = finding.curve
        rows.append(
            (
                str(finding.verdict),
                curve.dataset,
                curve.backbone,
                curve.protocol,
                _place(finding),
                "" if finding.n_labels is None else str(finding.n_labels),
                _metric(curve),
                _score(finding, finding.before),
                _score(finding, finding.now),
                "" if finding.change is None else _score(finding, finding.change, "+"),
                "" if finding.p_adjusted is None else f"{finding.p_adjusted:.2g}",
            )
        )
    numeric = [column in ("labels", "before", "now", "change", "adjusted p") for column in _COLUMNS]
    return [*markdown_table(_COLUMNS, rows, numeric), ""]


def _xml(text: str) -> str:
    """Without the characters that XML cannot have at all; the writer escapes the others."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _metric(curve: CurveName) -> str:
    return curve.metric if curve.higher_is_better else f"{curve.metric} (lower is better)"


def _score(finding: Finding, value: float | None, sign: str = "") -> str:
    """To four digits; an error, which may be of any size, to five that count."""
    return "none" if value is None else format(value, f"{sign}.4f" if finding.curve.higher_is_better else f"{sign}.5g")
