"""The verbs that reason about results: `check`, `compare`, `ranking` and `published`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.terminal import (
    DEFAULT_DB,
    KEEPING,
    READING,
    Db,
    Debug,
    Format,
    FormatOption,
    err,
    out,
    say,
    show_rows,
    user_errors,
)

_CHECK_EXAMPLES = """Examples:

`python -m harness check --baseline baseline.json --update`

`python -m harness check --baseline baseline.json --junit check.xml --markdown "$GITHUB_STEP_SUMMARY"`
"""
_COMPARE_EXAMPLES = """Examples:

`python -m harness compare mp_mae imagenet_mae`

`python -m harness compare mp_mae imagenet_mae image_statistics --labels 100 --format csv`

`python -m harness compare mp_mae@0123abcd mp_mae@89ef4567`

`python -m harness compare mp_mae:fine_tune mp_mae:linear_probe`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=READING, epilog=_CHECK_EXAMPLES)(check)
    app.command(rich_help_panel=READING, epilog=_COMPARE_EXAMPLES)(compare)
    app.command(rich_help_panel=READING, epilog="Example: `python -m harness ranking --partition 1.00x_train`")(ranking)
    app.command(rich_help_panel=KEEPING)(published)


def check(
    baseline: Annotated[Path, typer.Option(help="The baseline to compare with: a JSON file, kept in git.")],
    db: Db = DEFAULT_DB,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML report.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a Markdown report, as a job summary.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write a JSON report.")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Show the difference, then write the present state as the new baseline.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Compare label-efficiency curves with a baseline; seeds say what is noise (at least 3 of them).

    Exit code: 0 nothing regressed, 1 something did or is missing, 2 unusable input. With --update, 0 or 2.
    """
    with user_errors(debug):
        from leaderboards.checks.baseline import Baseline, measure, read_baseline, write_baseline
        from leaderboards.checks.check import FAILING, Verdict, failed
        from leaderboards.checks.check import check as run_check
        from leaderboards.checks.report import summarise, tell, to_json, to_junit, to_markdown, write_report

        current = measure(db)
        kept = Baseline({}) if update and not baseline.exists() else read_baseline(baseline)
        findings = run_check(current, kept)
        for verdict, line in tell(findings):
            say(out, line, style="red" if verdict in FAILING else "dim" if verdict is Verdict.OK else "yellow")
        say(out, summarise(findings))
        for path, write in ((junit, to_junit), (markdown, to_markdown), (json, to_json)):
            if path is not None:
                write_report(write(findings), path)
        if update:
            write_baseline(current, baseline)
            say(err, f"Wrote {baseline}. Commit it.")
        code = 1 if failed(findings) and not update else 0
    raise typer.Exit(code)


def compare(
    a: Annotated[str, typer.Argument(help="A backbone: name, name@HEX for one of several weights, name:protocol.")],
    others: Annotated[list[str], typer.Argument(metavar="B...", help="The backbones it is compared with, each.")],
    labels: Annotated[
        int | None,
        typer.Option(min=1, help="Compare with at most so many labels. Default: with the most that both have."),
    ] = None,
    db: Db = DEFAULT_DB,
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Compare a backbone (or protocol) with others on every dataset they share: scores, difference, labels saved.

    95 % intervals; p-values adjusted by Holm's method over all rows. Both are scored on the same test samples, and a
    seed may draw the same training samples for both, which makes the difference surer than either score. Every two of
    many: `python -m harness ranking`.
    """
    with user_errors(debug):
        from harness.show.comparison import comparison_rows, comparison_tables
        from leaderboards.alarm import read_alarms
        from leaderboards.statistics.comparison import compare as compare_backbones

        comparisons = compare_backbones(
            db, a, *others, most_labels=labels, tell=lambda line: say(err, f"left out: {line}")
        )
        if form is Format.table:
            out.print(comparison_tables(comparisons, read_alarms(db)))
        else:
            show_rows(comparison_rows(comparisons), form)


def ranking(
    partition: Annotated[
        str | None, typer.Option(help="Only rankings on this partition. Default: one for each suite and protocol.")
    ] = None,
    db: Db = DEFAULT_DB,
    debug: Debug = False,
) -> None:
    """Rank backbones over all datasets of a suite, and say which of them cannot be told apart.

    Mean ranks are those of the view `ranking`. Every two backbones are tested: seeds and stored test predictions, Holm
    over all pairs of a ranking.
    """
    with user_errors(debug):
        from harness.show.ranking import choose, ranking_tables
        from leaderboards.statistics.ranking import read_standings

        out.print(ranking_tables(choose(read_standings(db), partition)))


def published(db: Db = DEFAULT_DB, debug: Debug = False) -> None:
    """Add the published results that come with this package, as `source = 'published'`. Again is free."""
    with user_errors(debug):
        from leaderboards.published import import_published
        from leaderboards.store import filled_leaderboard

        with filled_leaderboard(db) as leaderboard:
            added = import_published(leaderboard)
        say(err, f"{added} published results added to {db}.")
