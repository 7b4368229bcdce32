"""k nearest neighbours: exact, the same as scikit-learn's, deterministic where neighbours tie."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler, normalize
from toy_material import multi_label, single_label

from harness.errors import UserError
from harness.protocols.image.knn import KnnSettings, knn
from harness.solvers import neighbours
from harness.solvers.neighbours import nearest

SETTINGS = KnnSettings()


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_votes_equal_scikit_learns(build):
    material = build(n_train=150)
    outcome = knn(material, SETTINGS, seed=0)
    scaler = StandardScaler().fit(material.arrays["train"].astype(np.float64))
    train, test = (normalize(scaler.transform(material.arrays[split])) for split in ("train", "test"))
    neighbours = KNeighborsClassifier(n_neighbors=5, algorithm="brute").fit(train, material.targets["train"])
    expected = neighbours.predict_proba(test)
    if isinstance(expected, list):  # one array a label, of the probabilities of 0 and 1
        expected = np.stack([p[:, 1] for p in expected], axis=1)
    assert outcome.test_scores == pytest.approx(expected, abs=1e-12)
    assert (outcome.n_labels_fit, outcome.n_labels_select) == (150, 0)


def test_scores_of_valid_are_computed_like_those_of_test():
    material = single_label()
    material.arrays["valid"] = material.arrays["test"]
    outcome = knn(material, SETTINGS, seed=0)
    assert np.array_equal(outcome.valid_scores, outcome.test_scores)


def test_separable_clouds_are_all_told_apart_and_shuffled_labels_are_not():
    material = single_label(n_train=600, signal=4.0)
    right = knn(material, SETTINGS, seed=0).test_scores.argmax(axis=1) == material.targets["test"]
    assert right.all()
    material.targets["train"] = np.random.default_rng(5).permutation(material.targets["train"])
    right = knn(material, SETTINGS, seed=0).test_scores.argmax(axis=1) == material.targets["test"]
    assert right.mean() == pytest.approx(1 / 3, abs=0.12)


def test_fewer_samples_than_k_all_vote():
    material = single_label(n_train=3)
    material.targets["train"] = np.array([2, 0, 1])
    outcome = knn(material, SETTINGS, seed=0)
    assert outcome.test_scores == pytest.approx(np.full((200, 3), 1 / 3))
    assert outcome.ran_with["k"] == 3


def test_one_class_in_train_is_predicted_everywhere():
    material = single_label()
    material.targets["train"][:] = 1
    assert np.array_equal(knn(material, SETTINGS, seed=0).test_scores, np.tile([0.0, 1.0, 0.0], (200, 1)))


def test_an_empty_train_split_is_the_users_to_mend():
    material = single_label()
    material.arrays["train"], material.targets["train"] = material.arrays["train"][:0], material.targets["train"][:0]
    with pytest.raises(UserError, match="train split is empty"):
        knn(material, SETTINGS, seed=0)


def test_of_equally_similar_neighbours_the_first_vote():
    train = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8], [1.0, 0.0], [1.0, 0.0]])
    assert nearest(np.array([[1.0, 0.0]]), train, 2).tolist() == [[1, 3]]
    assert nearest(np.array([[1.0, 0.0]]), train, 4).tolist() == [[1, 2, 3, 4]]
    assert nearest(np.array([[0.0, 0.0]]), train, 3).tolist() == [[0, 1, 2]]  # similar to none: all tie


def test_similarities_that_differ_by_rounding_tie():
    rng = np.random.default_rng(0)
    row = rng.standard_normal(64)
    train = np.array([rng.permutation(row) for _ in range(200)]) / np.linalg.norm(row)
    query = np.full((1, 64), 1 / 8)  # sums each row, in another order
    assert len(np.unique(train @ query[0])) > 1
    assert nearest(query, train, 5).tolist() == [[0, 1, 2, 3, 4]]


def test_duplicates_tie_whatever_the_block_of_queries(monkeypatch):
    rng = np.random.default_rng(0)
    train = np.tile(rng.standard_normal((40, 33)), (7, 1))  # every row seven times
    train /= np.linalg.norm(train, axis=1, keepdims=True)
    queries = rng.standard_normal((101, 33))
    whole = nearest(queries, train, 5)
    assert np.all(whole // 40 == np.arange(5))  # the first five copies of one row
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", 1000)
    assert np.array_equal(nearest(queries, train, 5), whole)


def near_twins():
    """1,500 vectors, most of which have others as close as float32 cannot tell, and queries beside some of them."""
    rng = np.random.default_rng(2)
    train = np.repeat(rng.standard_normal((150, 64)), 10, axis=0) + 1e-8 * rng.standard_normal((1_500, 64))
    train = train[rng.permutation(1_500)]
    queries = train[:90] + 1e-3 * rng.standard_normal((90, 64))
    return normalize(queries), normalize(train)


@pytest.mark.parametrize("k", [1, 5, 11])
def test_products_in_float32_leave_nothing_out(monkeypatch, k):
    queries, train = near_twins()
    quick = nearest(queries, train, k)
    monkeypatch.setattr(neighbours, "_candidates", lambda *_: None)
    assert np.array_equal(quick, nearest(queries, train, k))
    similarity = np.round(queries @ train.T, neighbours.SIMILARITY_DECIMALS)
    assert np.array_equal(quick, np.sort(np.argsort(-similarity, axis=1, kind="stable")[:, :k], axis=1))


def test_train_vectors_that_are_all_alike_are_no_million_candidates():
    train = np.tile(normalize(np.arange(1.0, 33.0)[None]), (1_100, 1))
    assert neighbours._candidates(train[:3], train.astype(np.float32), 5) is None
    assert nearest(train[:3], train, 5).tolist() == [[0, 1, 2, 3, 4]] * 3


def test_nearest_is_exact():
    rng = np.random.default_rng(1)
    train, queries = rng.standard_normal((300, 8)), rng.standard_normal((50, 8))
    expected = np.sort(np.argsort(-(queries @ train.T), axis=1, kind="stable")[:, :7], axis=1)
    assert np.array_equal(nearest(queries, train, 7), expected)
