"""Bands of Sentinel-1 and Sentinel-2 in the orders that models were trained with, and what is known of them."""

S2_L1C = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
S2_L2A = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
RGB = ("red", "green", "blue")
"""By their common names, which bands of any sensor answer to; on Sentinel-2 these are B4, B3 and B2."""
S1 = ("VV", "VH")

S2_UM = {
    "B1": 0.443, "B2": 0.49, "B3": 0.56, "B4": 0.665, "B5": 0.705, "B6": 0.74, "B7": 0.783, "B8": 0.842, "B8A": 0.865,
    "B9": 0.945, "B10": 1.375, "B11": 1.61, "B12": 2.19,
}  # fmt: skip
"""Central wavelengths in micrometres (ESA, Sentinel-2 User Handbook)."""
S2_BANDWIDTH_NM = {
    "B1": 20.0, "B2": 65.0, "B3": 35.0, "B4": 30.0, "B5": 15.0, "B6": 15.0, "B7": 20.0, "B8": 115.0, "B8A": 20.0,
    "B9": 20.0, "B10": 30.0, "B11": 90.0, "B12": 180.0,
}  # fmt: skip
"""Bandwidths in nanometres, of the same source."""
