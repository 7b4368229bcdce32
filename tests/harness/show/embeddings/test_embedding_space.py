"""Pictures of a space, and the numbers that say how far they can be trusted."""

import numpy as np
import pytest

from harness.errors import UserError
from harness.records.progress import Silent
from harness.show.embeddings.space import build_space


def two_groups(n: int = 30, n_features: int = 6) -> np.ndarray:
    """Points on both sides of the origin, along one direction."""
    generator = np.random.default_rng(0)
    side = np.where(np.arange(n) % 2, 1.0, -1.0)
    return (side[:, None] + 0.1 * generator.standard_normal((n, n_features))).astype(np.float32)


def test_groups_stay_together_in_the_space_and_in_both_pictures():
    space = build_space("b", two_groups(), 0, Silent())
    assert [picture.name for picture in space.pictures] == ["PCA", "t-SNE"]
    for neighbours in (space.neighbours, *(picture.neighbours for picture in space.pictures)):
        assert (neighbours % 2 == np.arange(30)[:, None] % 2).all()
        assert neighbours.shape == (30, 10)
        assert (neighbours != np.arange(30)[:, None]).all()  # nobody is a neighbour of its own
    assert space.pictures[0].explained > 0.9
    assert min(picture.trustworthiness for picture in space.pictures) > 0.8


def test_neighbours_are_those_of_the_angle_between_standardised_features():
    features = np.random.default_rng(1).standard_normal((25, 4)).astype(np.float32) * (1, 10, 100, 1000) + 7
    units = (features - features.mean(axis=0)) / features.std(axis=0)
    cosine = units @ units.T / np.outer(*[np.linalg.norm(units, axis=1)] * 2)
    np.fill_diagonal(cosine, -2)
    space = build_space("b", features.astype(np.float32), 0, Silent())
    np.testing.assert_array_equal(space.neighbours[:, 0], cosine.argmax(axis=1))


def test_a_plane_is_its_own_picture():
    """Unit vectors of two features lie on a circle, which PCA only turns."""
    space = build_space("b", np.random.default_rng(2).standard_normal((40, 2)).astype(np.float32), 0, Silent())
    pca = space.pictures[0]
    assert pca.explained == pytest.approx(1)
    assert pca.trustworthiness == pytest.approx(1)
    np.testing.assert_array_equal(pca.neighbours, space.neighbours)


def test_the_seed_alone_decides_a_picture():
    features = np.random.default_rng(3).standard_normal((60, 5)).astype(np.float32)
    first, again, other = (build_space("b", features, seed, Silent()) for seed in (0, 0, 1))
    for one, two in zip(first.pictures, again.pictures, strict=True):
        np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(first.pictures[0].points, other.pictures[0].points)  # PCA draws nothing


def test_one_feature_is_a_line():
    space = build_space("b", np.arange(12, dtype=np.float32)[:, None], 0, Silent())
    assert space.pictures[0].points.shape == (12, 2)
    assert space.pictures[0].points[:, 1].tolist() == [0.0] * 12


@pytest.mark.parametrize(("value", "message"), [(np.nan, "image 0 are not finite"), (1.0, "are the same")])
def test_features_that_make_no_space_are_refused(value, message):
    with pytest.raises(UserError, match=f"net: features .*{message}"):
        build_space("net", np.full((12, 3), value, np.float32), 0, Silent())
