"""Units of pixels: what is known of a channel, and how values get from one unit to another."""

import pickle

from baselines.bands import BandInfo, Unit


def test_what_is_known_of_a_band_is_a_plain_value():
    """Jobs and caches hold it: equal if it says the same, and at home in another process."""
    band = BandInfo(name="B4", wavelength_um=0.665, unit=Unit.DN_10000, sensor="Sentinel-2", gsd_m=10.0)
    assert pickle.loads(pickle.dumps(band)) == band
    assert BandInfo(name="VV").unit is None
    assert Unit("dB") is Unit.DECIBEL
