"""The simulated suite: `harness.demo` writes it in GEO-Bench's layout, and as such it is read."""

from functools import partial

from baselines.bands import Unit
from harness.data.sources.geobench import find_datasets, open_dataset
from harness.data.sources.geobench.published import Entry
from harness.data.sources.source import SIMULATED_FILE, Source
from leaderboards.simulated import DEMO_SUITE

_SIMULATED = Entry(units={"Sentinel2": Unit.DN_10000})

DEMO = Source(
    name="demo",
    suites={"demo": DEMO_SUITE},
    find=find_datasets,
    proves=lambda dataset: (dataset / SIMULATED_FILE).is_file(),
    open=partial(open_dataset, entry=_SIMULATED),
)
