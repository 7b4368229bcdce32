"""What a dataset says of simulated tiles beside their pixels: the record of each."""
