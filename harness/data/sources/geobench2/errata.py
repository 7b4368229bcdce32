"""Files of GEO-Bench-2 whose channels are others than its reader says. The pixels are right, the names are not.

All of this is read from the programs that wrote the files and the statistics published with them.
"""

from baselines.bands import Unit
from harness.data.description import Band, Erratum, sentinel2_bands

_WROTE = "https://github.com/The-AI-Alliance/GEO-Bench-2/blob/main/geobench_v2/generate_benchmark"
_LANDSAT_UM = {"blue": 0.482, "green": 0.5615, "red": 0.6546, "nir": 0.8647, "swir1": 1.6089, "swir2": 2.2007}
"""Of Landsat 8: central wavelengths in micrometres. Source: USGS, Landsat 8 Data Users Handbook."""

_ERRATA = (
    # Written in the order of their names.
    Erratum(dataset="benv2", stored=("VV", "VH"), true=("VH", "VV"), source=f"{_WROTE}/benv2.py"),
    Erratum(dataset="so2sat", stored=("VV", "VH"), true=("VH", "VV"), source=f"{_WROTE}/so2sat.py"),
    Erratum(
        dataset="treesatai",
        stored=("red", "green", "blue", "nir"),
        true=("nir", "green", "blue", "red"),
        source="https://github.com/torchgeo/torchgeo-bench/pull/385",
    ),
    # Inferred: "B4" is as bright as near infrared is, and "B12" brighter. The files of TreeSatAI have this order.
    Erratum(
        dataset="dynamic_earthnet",
        stored=("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B10", "B11", "B12"),
        true=("B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12", "B1", "B9"),
        new=sentinel2_bands("B9", Unit.DN_10000),
        source="https://github.com/The-AI-Alliance/GEO-Bench-2/blob/main/geobench_v2/datasets/dynamic_earthnet.py",
    ),
    Erratum(
        dataset="forestnet",
        stored=("B2", "B3", "B4", "B8A", "B11", "B12"),
        true=tuple(_LANDSAT_UM),
        new=tuple(Band(name, "Landsat8", wavelength_um=um, gsd_m=30.0) for name, um in _LANDSAT_UM.items()),
        source="https://github.com/torchgeo/torchgeo-bench/issues/256",
    ),
)

ERRATA: dict[str, Erratum] = {erratum.dataset: erratum for erratum in _ERRATA}
"""By the name of the dataset. Other channels of it are what the reader says."""
