"""Looking at an embedding space: where a backbone puts the images of a dataset, and how far a picture of it can be
trusted."""
