"""MMEarth for pretraining: find and check a dataset, read its rows, prepare them on the device."""
