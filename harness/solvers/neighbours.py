"""The most similar of many unit vectors: exact, with most of the work in float32."""

import numpy as np

from harness.solvers.row_blocks import share

SIMILARITY_DECIMALS = 12
"""Similarities that differ by less are ties: their last digits depend on how a matrix product was split up."""
BLOCK_ELEMENTS = 4_000_000
"""Similarities a thread holds at once."""
GROUPS = 256
"""Of train vectors. The k-th of their maxima is a bound on the k-th similarity, at the price of reading them once."""
MANY = 8
"""Candidates for each neighbour wanted, on average, beyond which all similarities are computed exactly instead."""


def nearest(queries: np.ndarray, train: np.ndarray, k: int) -> np.ndarray:
    """(q, k) indices into train of the k rows most similar to each query, in increasing order; ties: the first.

    Exact. queries (q, D) and train (n, D) are unit vectors, float64; memory is bounded for any q and n.

    Products in float32 leave out whatever cannot be among the k: they are off by no more than D + 4 units of rounding
    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). Those left are compared in float64.
    """
    size = max(1, BLOCK_ELEMENTS // len(train))
    pays = len(train) >= 4 * GROUPS and k <= min(GROUPS // 4, len(train) // 128)
    train32 = train.astype(np.float32) if pays else None

    def find(start: int) -> np.ndarray:
        block = queries[start : start + size]
        candidates = None if train32 is None else _candidates(block, train32, k)
        if candidates is None:
            return _choose(block @ train.T, k)
        rows, columns = candidates
        return _choose_among(np.einsum("cd,cd->c", block[rows], train[columns]), rows, columns, k)

    blocks = share(find, range(0, len(queries), size))
    return np.concatenate([np.empty((0, k), dtype=np.int64), *blocks])


def _candidates(queries: np.ndarray, train32: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray] | None:
    """(c,) queries and (c,) rows of train, in order, that hold the k most similar of each query; None: too many."""
    n, width = train32.shape
    similarity = queries.astype(np.float32) @ train32.T
    maxima = similarity[:, : n - n % GROUPS].reshape(len(queries), -1, GROUPS).max(axis=1)
    least = np.partition(maxima, -k, axis=1)[:, [-k]]
    rounding = (width + 4) * np.finfo(np.float32).eps / 2
    possible = similarity >= least - np.float32(2.01 * rounding)
    if np.count_nonzero(possible) > MANY * k * len(queries):
        return None
    rows, columns = np.nonzero(possible)
    return rows, columns


def _choose_among(similarity: np.ndarray, rows: np.ndarray, columns: np.ndarray, k: int) -> np.ndarray:
    """(q, k): `_choose` of candidates, whose (c,) similarities and columns come row by row."""
    counts = np.bincount(rows)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.full((len(counts), counts.max()), -np.inf)
    indices = np.zeros(padded.shape, dtype=np.int64)
    padded[rows, place], indices[rows, place] = similarity, columns
    return np.take_along_axis(indices, _choose(padded, k), axis=1)


def _choose(similarity: np.ndarray, k: int) -> np.ndarray:
    """(q, n) -> (q, k) columns of the largest, in increasing order; ties: the first."""
    similarity = np.round(similarity, SIMILARITY_DECIMALS)
    least = np.partition(similarity, -k, axis=1)[:, [-k]]  # of the k most similar
    above, equal = similarity > least, similarity == least
    room = k - above.sum(axis=1, keepdims=True)
    chosen = above | (equal & (np.cumsum(equal, axis=1) <= room))
    return np.nonzero(chosen)[1].reshape(-1, k)
