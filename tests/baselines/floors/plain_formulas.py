"""The hand-crafted features of one map, written as the definitions read: loops over pixels, in double precision."""

import math
from itertools import pairwise, product

import numpy as np


def distribution(x):
    values = [float(v) for row in x for v in row]
    mean = sum(values) / len(values)
    std = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    return [mean, std, min(values), max(values), *(percentile(values, q) for q in (10, 25, 50, 75, 90))]


def percentile(values, q):
    values = sorted(values)
    place = q / 100 * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def entropy(weights):
    total = sum(weights)
    shares = [w / total for w in weights if w > 0]
    return -sum(s * math.log(s) for s in shares) / math.log(len(weights))


def at(x, row, column):
    """A pixel; beyond the border the nearest one."""
    height, width = x.shape
    return float(x[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])


def gradient(x, row, column):
    down = (at(x, row + 1, column) - at(x, row - 1, column)) / 2
    return down, (at(x, row, column + 1) - at(x, row, column - 1)) / 2


def places(x):
    return list(product(range(x.shape[0]), range(x.shape[1])))


def pooled(x, side):
    rows, columns = -(-x.shape[0] // side), -(-x.shape[1] // side)
    blocks = [
        [x[i * side : (i + 1) * side, j * side : (j + 1) * side].mean() for j in range(columns)] for i in range(rows)
    ]
    return np.array(blocks)


def texture(x):
    features = []
    for side in (1, 2, 4):
        small = pooled(x, side)
        steps = [gradient(small, *place) for place in places(small)]
        sizes = [math.hypot(*step) for step in steps]
        mean = sum(sizes) / len(sizes)
        tensor = sum(np.outer(step, step) for step in steps)
        least, most = np.linalg.eigvalsh(tensor)
        histogram = [0.0] * 8
        for (down, right), size in zip(steps, sizes, strict=True):
            eighth = math.atan2(down, right) % math.pi / math.pi * 8
            histogram[round(eighth) % 8] += size
        std = math.sqrt(sum((s - mean) ** 2 for s in sizes) / len(sizes))
        features += [mean, std, (most - least) / (most + least), entropy(histogram)]
    return features


def patterns(x):
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    counts, uniform = [0] * 256, 0
    for row, column in product(range(1, x.shape[0] - 1), range(1, x.shape[1] - 1)):
        bits = [bool(x[row + i, column + j] >= x[row, column]) for i, j in around]
        counts[sum(2**i for i, bit in enumerate(bits) if bit)] += 1
        uniform += sum(a != b for a, b in pairwise([*bits, bits[0]])) <= 2
    return [entropy(counts), uniform / sum(counts)]


def corners(x):
    x = (x - x.min()) / (x.max() - x.min())
    steps = np.array([[gradient(x, i, j) for j in range(x.shape[1])] for i in range(x.shape[0])])
    response = np.zeros(x.shape)
    for row, column in places(x):
        near = [(row + i, column + j) for i, j in product((-1, 0, 1), repeat=2)]
        dd, rr, dr = (
            sum(at(steps[..., a], *p) * at(steps[..., b], *p) for p in near) / 9 for a, b in ((0, 0), (1, 1), (0, 1))
        )
        response[row, column] = dd * rr - dr**2 - 0.04 * (dd + rr) ** 2
    peaks = sum(
        response[row, column] > 0.01 * response.max()
        and all(at(response, row + i, column + j) <= response[row, column] for i, j in product((-1, 0, 1), repeat=2))
        for row, column in places(x)
    )
    return [peaks / x.size, np.maximum(response, 0).mean()]


def quadrants(x):
    (height, width) = x.shape
    rows = [range(math.ceil(height / 2)), range(height // 2, height)]
    columns = [range(math.ceil(width / 2)), range(width // 2, width)]
    parts = [x[np.ix_(i, j)] for i in rows for j in columns]
    return [float(f) for part in parts for f in (part.mean(), part.std())]


def tails(x):
    values = x.flatten().tolist()
    features = []
    for chosen in (x < percentile(values, 25), x > percentile(values, 75)):
        height, width = x.shape
        where = [(2 * i / (height - 1) - 1, 2 * j / (width - 1) - 1) for i, j in places(x) if chosen[i, j]]
        least, most = np.linalg.eigvalsh(np.cov(np.array(where).T, bias=True))
        features += [(most - least) / (most + least), math.sqrt(most + least)]
    return features


def structure(x):
    return [*patterns(x), *corners(x), *quadrants(x), *tails(x)]
