"""Train subsets that contain each other and look like the whole."""

import numpy as np

FRACTIONS = {
    "0.01x_train": 0.01,
    "0.02x_train": 0.02,
    "0.05x_train": 0.05,
    "0.10x_train": 0.10,
    "0.20x_train": 0.20,
    "0.50x_train": 0.50,
    "1.00x_train": 1.00,
}
"""Partition -> share of the train samples in it, rounded to whole samples and at least one."""


def covering_order(content: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An order of samples such that every beginning of it is a stratified subset.

    First come samples that cover the classes: as long as a class is missing, the next sample has the rarest of those.
    Otherwise it is the one that keeps the mean content of those chosen closest to that of all, by chi-square distance.
    The generator breaks ties.

    Args:
        content: (n, K) of each sample: a one-hot label, 0/1 labels, or shares of the pixels.
    Returns:
        (n,) int64, a permutation.
    """
    content = content[:, content.any(axis=0)]  # a class without samples cannot be covered
    whole = content.mean(axis=0)
    rarest_first = np.argsort(np.count_nonzero(content, axis=0), kind="stable")
    left = generator.permutation(len(content))
    chosen_sum = np.zeros_like(whole)
    order: list[int] = []
    while len(left):
        missing = [label for label in rarest_first if chosen_sum[label] == 0]
        able = np.flatnonzero(content[left, missing[0]]) if missing else np.arange(len(left))
        would_be = (chosen_sum + content[left[able]]) / (len(order) + 1)
        best = able[(((would_be - whole) ** 2) / whole).sum(axis=1).argmin()]
        order.append(int(left[best]))
        chosen_sum = chosen_sum + content[left[best]]
        left = np.delete(left, best)
    return np.array(order, np.int64)
