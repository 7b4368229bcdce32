"""A simulated world: small geolocated tiles with every modality of MMEarth, as a pure function of seed and place."""
