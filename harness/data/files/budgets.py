"""How much a file of a dataset may ask for, in one place.

A few bytes can declare any size: a pickle that names one array a thousand times, HDF5's shapes, gzip's zeros. Each
limit is far above what published datasets need and far below what a machine has; what goes beyond is refused in one
line.
"""

MIB = 2**20

JSON_BYTES = 32 * MIB
"""Of a JSON file. A partition of a million samples has about 20 MiB; parsed, JSON takes up to twenty times its size."""

PICKLE_BYTES = 4 * MIB
"""Of a pickle, be it task_specs.pkl or the description inside a sample; a series of 50 dates takes about 1 MiB."""

PICKLE_COPIES = 16 * MIB
"""Bytes or items of a pickle that may be copied because the pickle names them again."""

DESCRIPTION_CHARACTERS = 4 * PICKLE_BYTES
"""Of the text in which a sample keeps its description: each byte of a pickle is up to four characters (`\\x00`)."""

SAMPLE_BYTES = 256 * MIB
"""Of all bands of a sample as read, resampled to the largest, and of a mask; compressed or not. A hyperspectral cube of
369 channels and 400 x 400 pixels would have 225 MiB."""

READ_MEMORY = 2048 * MIB
"""That reading a sample may take beyond what the process had: several copies of SAMPLE_BYTES, and spline resampling."""

READ_SECONDS = 30
"""Of computing that reading one sample may take. A usual one takes a hundredth of a second."""

CLASSES = 10_000
"""Of a dataset: each has a name, a row of metrics and a column of scores."""

BANDS = 10_000
"""That a specification or a sample may list, a series once per date."""

ALT_NAMES = 100
"""Of one band."""

NAME_CHARACTERS = 200
"""Of a band, a class or a sample."""

SIDE_PX = 2**20
"""Of an image, as a specification declares it."""

TIME_STEPS = 100_000
"""As a specification declares them: daily images of 270 years."""

INDEX_BYTES = 128 * MIB
"""Of the table of a tortilla, packed or unpacked; that of 30,000 samples takes about 5 MiB."""

INDEX_ROWS = 1_000_000
"""Of that table: each is a file."""

BLOCK_BYTES = 512 * MIB
"""Of rows of an array that are read at once, because they share chunks."""
