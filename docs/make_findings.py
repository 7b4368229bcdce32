"""Prints the tables of docs/findings.md from a leaderboard: python docs/make_findings.py findings.duckdb"""

import sys
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from leaderboards.statistics.comparison import adjust_together, compare
from leaderboards.statistics.curves import Curve, aulc
from leaderboards.statistics.reading import CurveKey, Point, read_points
from leaderboards.words import saving_in_words

FAVOURITE = "mp_mae"
RIVALS = ("optical_mae", "rgb_mae", "random_init_demo", "image_statistics")
PROTOCOL = "linear_probe"


def main(db: Path) -> None:
    curves = {key: points for key, points in read_points(db).items() if key.protocol == PROTOCOL}
    datasets = sorted({key.dataset for key in curves})
    for dataset in datasets:
        print_scores(dataset, {key: points for key, points in curves.items() if key.dataset == dataset})
    print_areas({(key.dataset, key.backbone): points for key, points in curves.items()}, datasets)
    print_comparisons(db)


def print_scores(dataset: str, curves: dict[CurveKey, list[Point]]) -> None:
    """Mean and standard deviation over seeds, by number of labels."""
    first = next(iter(curves.values()))
    metric = next(iter(curves)).metric
    print_row([f"{dataset}, {metric}", *(f"{point.n_labels} labels" for point in first)])
    print_row(["---"] * (len(first) + 1))
    by_backbone = {key.backbone: points for key, points in curves.items()}
    for backbone in (FAVOURITE, *RIVALS):
        scores = [list(point.scores.values()) for point in by_backbone[backbone]]
        print_row([backbone, *(f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" for values in scores)])
    print()


def print_areas(curves: dict[tuple[str, str], list[Point]], datasets: list[str]) -> None:
    """Area under each curve over log(labels), and what the favourite's is larger by, paired by seed."""
    print_row(["AULC", *datasets])
    print_row(["---"] * (len(datasets) + 1))
    areas = {name: areas_by_seed(points) for name, points in curves.items()}
    for backbone in (FAVOURITE, *RIVALS):
        of_seeds = [np.array(list(areas[dataset, backbone].values())) for dataset in datasets]
        print_row([backbone, *map(with_interval, of_seeds)])
    for rival in RIVALS:
        gains = [paired(areas[dataset, FAVOURITE], areas[dataset, rival]) for dataset in datasets]
        print_row([f"{FAVOURITE} - {rival}", *(with_interval(gain, sign="+") for gain in gains)])
    print()


def areas_by_seed(points: list[Point]) -> dict[int, float]:
    n_labels = np.array([point.n_labels for point in points])
    seeds = sorted(points[0].scores)
    return {seed: aulc(Curve(n_labels, np.array([p.scores[seed] for p in points]))) for seed in seeds}


def paired(a: dict[int, float], b: dict[int, float]) -> np.ndarray:
    """Differences on the seeds both have: a seed draws the same training samples for both."""
    return np.array([a[seed] - b[seed] for seed in a if seed in b])


def with_interval(values: np.ndarray, sign: str = "") -> str:
    """Mean and 95 % interval over seeds, by Student's t."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():{sign}.3f} ± {half:.3f}"


def print_comparisons(db: Path) -> None:
    """With all labels: paired difference over seeds and test samples, and the labels saved; Holm over the table."""
    rows = [(rival, row) for rival in RIVALS for row in compare(db, FAVOURITE, rival) if row.protocol == PROTOCOL]
    adjusted = adjust_together([row for _, row in rows])
    print_row(["A - B", "dataset", "difference, 95 % interval", "p (Holm)", "labels saved, 95 % interval"])
    print_row(["---"] * 5)
    for (rival, _), row in zip(rows, adjusted, strict=True):
        if row.saving is None:
            continue
        never = row.saving.labels_needed is None and row.saving.saving.sure
        saved = ("never reaches B; " if never else "") + saving_in_words(row.saving.saving)
        print_row([
            f"{FAVOURITE} - {rival}",
            row.dataset,
            f"{row.difference.value:+.3f} [{row.difference.ci_low:+.3f}, {row.difference.ci_high:+.3f}]",
            "" if row.p_adjusted is None else ("< 0.001" if row.p_adjusted < 0.001 else f"{row.p_adjusted:.3f}"),
            saved,
        ])  # fmt: skip
    print()


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
