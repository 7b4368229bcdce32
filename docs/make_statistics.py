"""Prints the tables of simulations in docs/statistics.md and docs/ci.md: python docs/make_statistics.py TABLE

TABLE is coverage_of_means, coverage_of_differences, label_savings or power_of_checks.
"""

import sys

import numpy as np

from leaderboards.simulations.coverage import SEEDS, cover_difference, cover_mean
from leaderboards.simulations.power import failure_rate
from leaderboards.simulations.savings import CURVES, THIRD, study_savings

N_STUDIES = 40_000
N_SAVINGS = 2_000
N_CHECKS = 200
N_NULL = 1_000


def coverage_of_means() -> None:
    """A row for each share of the test samples in the variance, a column for each number of seeds."""
    generator = np.random.default_rng(0)
    print_row(["test samples / seeds", *map(str, SEEDS)])
    print_row(["---"] * (len(SEEDS) + 1))
    for of_test in (0.0, 0.1, 0.3, 1.0, 3.0, 10.0):
        cells = [cover_mean(n, of_test, N_STUDIES, generator) for n in SEEDS]
        print_row([f"{of_test:g}", *(f"{100 * cell:.1f}" for cell in cells)])


def coverage_of_differences() -> None:
    """A row for each number of seeds of A, a column for each of B, equal noise and no test samples."""
    generator = np.random.default_rng(0)
    print_row(["A \\ B", *map(str, SEEDS)])
    print_row(["---"] * (len(SEEDS) + 1))
    for n_a in SEEDS:
        cells = [f"{100 * cover_difference(n_a, n_b, 0.0, N_STUDIES, generator):.1f}" for n_b in SEEDS if n_b >= n_a]
        print_row([str(n_a), *[""] * (len(SEEDS) - len(cells)), *cells])


def label_savings() -> None:
    """A row for each curve, true saving and number of seeds, whose standard deviation is 0.03."""
    generator = np.random.default_rng(0)
    heads = ["reached", "median, first reached", "median, estimated", "covered", "called a saving"]
    print_row(["curves", "true saving", "seeds", *heads])
    print_row(["---"] * (len(heads) + 3))
    for curve in CURVES:
        for saves in (False, True):
            for n_seeds in (3, 5, 10):
                found = study_savings(
                    curve, saves=saves, noise=0.03, n_seeds=n_seeds, n_studies=N_SAVINGS, generator=generator
                )
                shares = (found.first_reached, found.first_saving, found.saving, found.covered, found.called)
                print_row([curve, f"{THIRD if saves else 0:.0%}", str(n_seeds), *(f"{share:.0%}" for share in shares)])


def power_of_checks() -> None:
    """Share of checks that fail, by seeds and draw, for drops of all six curves and of one."""
    generator = np.random.default_rng(0)
    cases = [(0.005, 6), (0.01, 6), (0.02, 6), (0.01, 1), (0.02, 1), (0.05, 1)]
    heads = [f"{drop:g} on {'all curves' if n == 6 else 'one curve'}" for drop, n in cases]
    print_row(["`--train-draw`", "seeds", "nothing changed", *heads])
    print_row(["---"] * (len(heads) + 3))
    for train_draw in ("seed", "partition"):
        for n_seeds in (3, 5, 10):
            rates = [failure_rate(n_seeds, 0.0, generator, n_checks=N_NULL, train_draw=train_draw)]
            rates += [
                failure_rate(n_seeds, drop, generator, n_checks=N_CHECKS, train_draw=train_draw, n_dropped=n)
                for drop, n in cases
            ]
            print_row([train_draw, str(n_seeds), f"{rates[0]:.1%}", *(f"{rate:.0%}" for rate in rates[1:])])


TABLES = {
    "coverage_of_means": coverage_of_means,
    "coverage_of_differences": coverage_of_differences,
    "label_savings": label_savings,
    "power_of_checks": power_of_checks,
}


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    TABLES[sys.argv[1]]()
