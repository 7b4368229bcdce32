"""The verb that lists what data are there: `datasets`."""

import typer

from harness.cli.terminal import Debug, Format, FormatOption, GeobenchDir, err, say, show_rows, user_errors


def datasets(geobench_dir: GeobenchDir = None, form: FormatOption = Format.table, debug: Debug = False) -> None:
    """List the datasets below a GEO-Bench folder: task, bands, sizes of the splits."""
    with user_errors(debug):
        from harness.data.suites import find_root
        from harness.show.overview import describe_datasets

        overview = describe_datasets(find_root(geobench_dir))
        show_rows(overview.table, form)
        for erratum in overview.errata:
            say(err, f"{erratum}; corrected here and in `run`, unless with --band-names stored", style="yellow")
        for problem in overview.problems:
            say(err, f"failed: {problem}", style="red")
    raise typer.Exit(1 if overview.problems else 0)
