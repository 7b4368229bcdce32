"""What is said of a comparison: a winner only where two are told apart."""

from dataclasses import replace

import pytest

from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.mean_difference import mean_differences
from leaderboards.statistics.student import Part, with_interval
from leaderboards.words import mean_in_words, verdict


def comparison(dataset: str, difference: float, noise: float = 0.01, protocol: str = "knn") -> Comparison:
    """A is better by so much, with a standard error that is known; told apart beyond three of them."""
    parts = (Part(noise**2, float("inf")),)
    return Comparison(
        suite="demo", dataset=dataset, protocol=protocol, selection="cv", train_draw="seed", axis="partition",
        metric="accuracy", higher_is_better=True, kind="", names=("mine", "yours"), partition="default", n_labels=100,
        a=Estimate(0.5 + difference, None, None), b=Estimate(0.5, None, None),
        difference=with_interval(difference, parts), p_value=0.5,
        p_adjusted=0.01 if abs(difference) > 3 * noise else 0.5, noise="seeds", n_paired=3, one_seed=False, saving=None,
        parts=parts, curve_ids=("", ""),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ({"crops": 0.01, "cover": -0.01}, "No clear winner: mine and yours are told apart nowhere."),
        (
            {"crops": 0.1, "cover": 0.1, "climate": 0.001},
            "mine is better than yours over the datasets by knn. mine is better on crops, cover; no clear difference "
            "on climate.",
        ),
        (
            {"crops": 0.016, "cover": 0.017},
            "mine is better than yours over the datasets by knn. On no dataset by itself are they told apart.",
        ),
        ({"crops": 0.2, "cover": -0.2}, "mine is better on crops; yours is better on cover."),
        (
            dict.fromkeys("abcde", -0.1),
            "yours is better than mine over the datasets by knn. yours is better on 5 rows.",
        ),
    ],
)
def test_the_verdict_names_a_winner_only_where_two_are_told_apart(differences: dict[str, float], said: str) -> None:
    rows = [comparison(dataset, difference) for dataset, difference in differences.items()]
    assert verdict(rows) == said


def test_protocols_are_named_where_there_are_several() -> None:
    rows = [comparison("crops", 0.1), comparison("crops", 0.0, protocol="few_shot")]
    assert verdict(rows) == "mine is better on crops by knn; no clear difference on crops by few_shot."


def test_a_winner_of_one_seed_is_not_named_without_saying_so() -> None:
    single = replace(comparison("crops", 0.1), one_seed=True)
    assert verdict([single]).endswith(
        "mine is better on crops. Where a point has one seed, another seed may say otherwise."
    )


def test_a_mean_within_noise_is_no_clear_difference() -> None:
    (mean,) = mean_differences([comparison("crops", 0.01), comparison("cover", 0.0)])
    assert mean_in_words(mean) == ("knn: mine - yours +0.005 [-0.009, +0.019] over 2 datasets, no clear difference")


def test_means_shown_together_are_adjusted_together() -> None:
    rows = [comparison(d, gain, protocol=p) for p, gain in (("knn", 0.015), ("few_shot", 0.0)) for d in ("x", "y")]
    both, (alone,) = mean_differences(rows), mean_differences(rows[:2])
    assert alone.p_value == both[0].p_value
    assert both[0].p_adjusted == pytest.approx(2 * (alone.p_adjusted or 0))
