"""Which numbers can have been measured: of pixels and of labels alike, whatever unit they are in."""

import numpy as np

LARGEST = 1e15
"""What is farther from 0 marks no data (GDAL's -3.4e38, NetCDF's 9.97e36), and its square leaves single precision."""


def is_measured(values: np.ndarray) -> np.ndarray:
    """Whether each of some integers or floating-point numbers is finite and no farther from 0 than `LARGEST`."""
    if values.dtype.kind == "f":
        largest = values.dtype.type(min(LARGEST, float(np.finfo(values.dtype).max)))
        return np.abs(values) <= largest  # of NaN false
    if values.dtype.itemsize < 8:  # bytes in which no such number fits
        return np.ones(values.shape, bool)
    return (values <= LARGEST) & (values >= -LARGEST)
