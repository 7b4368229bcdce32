"""What whoever writes a dataset in MMEarth's layout needs: rows at their place in the file, statistics of bands."""
