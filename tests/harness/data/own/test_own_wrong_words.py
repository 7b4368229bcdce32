"""Wrong words about images of one's own are refused before an image is looked at."""

import pytest

from command_line import harness
from own_images import write_classes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--backbone", "image_statistic"), "unknown backbone 'image_statistic'"),
        (("--protocols", "knm"), "unknown protocol 'knm'"),
        (("--set", "knn.neighbours=5"), "neighbours"),
        (("--seeds", "-1"), "-1"),
        (("--device", "abacus"), "abacus"),
        (("--weights", "nobody=x.pth"), "nobody"),
        (("--train-bands", ","), "--train-bands: names no band"),
    ],
)
def test_run_refuses_wrong_words_before_it_looks_at_images(words, message, tmp_path):
    folder = write_classes(tmp_path / "my_images", n=2)
    done = harness("run", "--data", folder, *words, "--cache-dir", tmp_path / "cache", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "understood" not in done.stderr
    assert not (tmp_path / "cache").exists()


def test_embed_refuses_an_unknown_backbone_before_it_looks_at_images(tmp_path):
    folder = write_classes(tmp_path / "my_images", n=2)
    told = ("--data", folder, "--out", "v.parquet", "--cache-dir", tmp_path / "cache")
    done = harness("embed", "--backbone", "image_statistic", *told, cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown backbone 'image_statistic'" in done.stderr
    assert not (tmp_path / "cache").exists()
