"""Vectors of images as one Parquet file, which other programs read and `embeddings:FILE.parquet` too."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from harness.errors import UserError
from leaderboards.file.drafts import replacing


def write_vectors(
    target: Path, names: Sequence[str], splits: np.ndarray, vectors: np.ndarray, made_by: Mapping[str, str]
) -> None:
    """A row an image: its name, its split (empty: none) and its (D,) float32 vector.

    Args:
        made_by: what made them; words that the file keeps as its metadata.
    Raises:
        UserError: the file cannot be written.
    """
    table = pd.DataFrame({"sample": list(names), "split": splits.tolist(), "embedding": list(vectors)})
    facts = ", ".join(f"{key}: {_quoted(value)}" for key, value in made_by.items())
    try:
        with replacing(target) as draft, duckdb.connect() as connection:
            connection.register("vectors", table)
            connection.execute(
                "COPY (SELECT sample, split, embedding::FLOAT[] AS embedding FROM vectors) TO "
                f"{_quoted(str(draft))} (FORMAT parquet, KV_METADATA {{{facts}}})"
            )
    except (duckdb.Error, OSError) as error:
        raise UserError(f"{target}: cannot be written ({str(error).splitlines()[0]})") from None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
