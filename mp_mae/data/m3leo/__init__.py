"""M3LEO (Allen et al., 2024, arXiv:2406.04230): its chips read, and written anew in MMEarth's layout.

docs/formats.md says what is read, what is decided here because the published description leaves it open, and what was
never tried on real files.
"""
