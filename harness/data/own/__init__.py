"""Somebody's own images: a folder is looked at, and what was understood of it is written down (docs/your_images.md).

`understand` is the program. The source `harness.data.sources.own` reads what it wrote.
"""
