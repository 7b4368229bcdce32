"""Prints the tables of docs/contrastive.md from a leaderboard: python docs/make_contrastive.py contrastive.duckdb"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.stats import t as student

from harness.demo.areas.labels import FRACTIONS
from leaderboards.statistics.curves import saving_over
from leaderboards.statistics.reading import fetch
from mp_mae.data.world.areas import AREAS

MOST_LABELS = 1000
"""Where curves end: a quarter of the train images of an area."""
ALL_LABELS = 4000
"""Train images of an area."""
SHARE = 0.95
"""Of the score at the end of a curve, that is to be reached."""
NOTHING_LEARNT = 0.1
"""A curve that ends below it has no 95 % worth reaching: the number hardly varies in the area."""
TASKS = ("cover", *FRACTIONS)
EMBEDDINGS = {
    "clip?embedding=fused": "fused",
    "clip?embedding=average": "average",
    "clip?embedding=sentinel2": "Sentinel-2 RGB",
    "clip?embedding=sentinel1": "Sentinel-1",
    "clip?embedding=coherence": "coherence",
    "image_statistics": "image statistics",
}
"""Backbone -> heading."""

_SCORES = """
    SELECT split_part(dataset, '-', 2), 'cover', backbone, n_labels, seed, value
    FROM scores
    WHERE suite = 'areas' AND axis = 'images' AND n_labels <= $most AND protocol = 'few_shot' AND dataset LIKE '%-cover'
    UNION ALL
    SELECT split_part(dataset, '-', 2), class_name, backbone, n_labels, scores.seed, class_metrics.value
    FROM scores JOIN class_metrics USING (run_id)
    WHERE suite = 'areas' AND axis = 'images' AND n_labels <= $most AND protocol = 'few_shot'
        AND split = 'test' AND class_metrics.metric = 'r2'
"""
_RETRIEVAL = """
    SELECT split_part(dataset, '-', 2), array_to_string(modalities, ' + '), gallery, recall_10, recall_10_low,
        recall_10_high, chance_10, median_rank
    FROM retrieval
    WHERE suite = 'areas' AND dataset LIKE '%-cover' AND missing_channel IS NULL
"""
_LOSSES = """
    SELECT split_part(dataset, '-', 2), split_part(dataset, '-', 3), fitted_on,
        coalesce(array_to_string(missing, ', '), ''), coalesce(missing_channel, ''), complete_value, loss, loss_low,
        loss_high
    FROM missing_modalities WHERE suite = 'areas' AND question = 'label'
"""
Curve = dict[int, dict[int, float]]
"""Labels -> seed -> score."""
Curves = dict[tuple[str, str, str], Curve]
"""By area, task and backbone."""


def main(db: Path) -> None:
    print_retrieval(db)
    print_losses(db)
    print_labels(read_curves(db, MOST_LABELS))
    print_labels(ended_by_all_labels(read_curves(db, ALL_LABELS)))


def read_curves(db: Path, most: int) -> Curves:
    """Curves up to so many labels."""
    curves: Curves = defaultdict(lambda: defaultdict(dict))
    for area, task, backbone, n_labels, seed, value in fetch(db, _SCORES, {"most": most}):
        curves[area, task, backbone][n_labels][seed] = np.nan if value is None else value
    return curves


def ended_by_all_labels(curves: Curves) -> Curves:
    """The curves that have a score with all labels of their area, which is the end of the curve of every seed."""
    ended = {}
    for key, curve in curves.items():
        if ALL_LABELS in curve:
            score = float(np.mean(list(curve[ALL_LABELS].values())))
            ended[key] = {**curve, ALL_LABELS: {seed: score for scores in curve.values() for seed in scores}}
    return ended


def print_labels(curves: Curves) -> None:
    """Labels that reach SHARE of the score at the end of the curve, and how many cells save how much."""
    areas = [area for area in AREAS if any(area == key[0] for key in curves)]
    if not areas:
        return
    print_row(["area, task", *EMBEDDINGS.values()])
    print_row(["---"] * (len(EMBEDDINGS) + 1))
    saved = defaultdict(list)
    for area in areas:
        for task in TASKS:
            cells = []
            for backbone in EMBEDDINGS:
                cell, saving = labels_cell(curves.get((area, task, backbone), {}))
                cells.append(cell)
                saved[backbone] += [saving]
            print_row([f"{area}, {task}", *cells])
    print()
    print_row(["embedding", "tasks with a signal", "90 % saved", "surely", "95 % saved", "surely"])
    print_row(["---"] * 6)
    for backbone, name in EMBEDDINGS.items():
        known = [pair for pair in saved[backbone] if pair is not None]
        if not known:
            continue
        counts = [str(sum(pair[end] >= share for pair in known)) for share in (0.9, 0.95) for end in (0, 1)]
        print_row([name, str(len(known)), *counts])
    print()


def labels_cell(curve: Curve) -> tuple[str, tuple[float, float] | None]:
    """A cell of the table; and the share of labels saved, its estimate and the lower end of its interval.

    A single point is no curve: the cell has its score alone.

    The interval is of seeds, each of which draws ever larger sets of labels; they share the test images.
    """
    n_labels = np.array(sorted(curve))
    means = np.array([np.nanmean(list(curve[n].values())) for n in n_labels])
    if not len(means):
        return "", None
    if len(means) < 2 or not means[-1] >= NOTHING_LEARNT:
        return f"{'' if means[-1] >= NOTHING_LEARNT else '- '}({means[-1]:.2f})", None
    last = curve[n_labels[-1]]
    ahead = [[score - SHARE * last[seed] for seed, score in curve[n].items() if seed in last] for n in n_labels[:-1]]
    margins = np.array([*map(half_interval, ahead), 0.0])
    fitted, end = isotonic_regression(means).x, slice(-1, None)
    saving = saving_over(n_labels, fitted, margins, n_labels[end], SHARE * fitted[end], np.zeros(1))
    needed, most, fewest = (n_labels[-1] * (1 - share) for share in saving)
    at_most = "≤ " if round(needed) <= n_labels[0] else ""
    words = f"{at_most}{in_words(needed)} [{in_words(fewest)}, {in_words(most)}] ({means[-1]:.2f})"
    return words, (saving[0], saving[1])


def in_words(n_labels: float) -> str:
    """Beyond MOST_LABELS a curve has no point but its end: where between the two it passes a score is not known."""
    return f"{n_labels:.0f}" if n_labels <= MOST_LABELS else f"> {MOST_LABELS:,}"


def half_interval(scores: list[float]) -> float:
    """Half of the 95 % interval of a mean over seeds, by Student's t."""
    return float(student.ppf(0.975, len(scores) - 1) * np.std(scores, ddof=1) / np.sqrt(len(scores)))


def print_retrieval(db: Path) -> None:
    """Recall at 10 of every modality by every other and by both, by area."""
    rows = fetch(db, _RETRIEVAL, {})
    if not rows:
        return
    cells = {(queries, gallery, area): rest for area, queries, gallery, *rest in rows}
    print_row(["queries", "gallery", *AREAS, "chance"])
    print_row(["---"] * (len(AREAS) + 3))
    for queries, gallery in sorted({key[:2] for key in cells}):
        found = [cells[queries, gallery, area] for area in AREAS]
        chances = sorted({f"{cell[3]:.3f}" for cell in found})
        print_row([queries, gallery, *(f"{v:.2f} [{low:.2f}, {high:.2f}]" for v, low, high, *_ in found), chances[-1]])
    print()


def print_losses(db: Path) -> None:
    """What each missing modality or channel costs a probe that has never missed one, by area and question."""
    rows = fetch(db, _LOSSES, {})
    for question in ("cover", "fractions"):
        cells = {
            (missing, channel, area): (f"{loss:+.3f} [{low:+.3f}, {high:+.3f}]")
            for area, asked, fitted_on, missing, channel, _, loss, low, high in rows
            if asked == question and fitted_on == "everything" and not (missing and channel)
        }
        if not cells:
            continue
        complete = {
            area: f"{value:.3f}"
            for area, asked, fitted, _, _, value, *_ in rows
            if asked == question and fitted == "everything"
        }
        print_row([f"{question}: missing", *AREAS])
        print_row(["---"] * (len(AREAS) + 1))
        print_row(["nothing (the score)", *(complete[area] for area in AREAS)])
        for missing, channel in sorted({key[:2] for key in cells}):
            print_row([missing or channel, *(cells[missing, channel, area] for area in AREAS)])
        print()


def print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
