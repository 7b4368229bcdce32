"""Shared by all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers of pytest-xdist share the cores; set before torch is imported
