"""The backbones that are compared, all behind one contract (`baselines.contract`)."""
