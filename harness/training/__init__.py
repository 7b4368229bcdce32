"""Training a backbone as a whole with a head for one task: what `protocols.fine_tune` is made of."""
