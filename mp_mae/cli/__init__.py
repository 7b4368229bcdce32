"""The command line of `python -m mp_mae`: one file a verb. What imports torch is imported once a verb runs."""
