"""Solvers: mathematics that knows no dataset."""
