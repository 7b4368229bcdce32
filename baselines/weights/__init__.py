"""Weights of others: fetched, read from the layouts they come in, refused if they are not all of a model's."""
