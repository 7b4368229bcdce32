"""Prints what a few labels give of photographs in a folder per class: python docs/make_ceiling.py FOLDER [SIDE_PX]

Real weights (`imagenet_lite`) against the same network untrained and against image statistics: logistic regression on
frozen features, untuned (C = 1 on standardised features), on 1, 10 and 100 % of one half of the images, judged on the
other half; five draws of halves and of labels, the same for each backbone.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from baselines.inputs import Preparation
from baselines.registry import find_backbone

BACKBONES = ("imagenet_lite", "timm:tf_efficientnet_lite0?random", "image_statistics")
FRACTIONS = (0.01, 0.1, 1.0)
SEEDS = range(5)


def read_folder(folder: Path) -> tuple[torch.Tensor, np.ndarray]:
    """(N, 3, H, W) uint8 and (N,) class numbers, of images that all have one size, in a folder per class."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(path, number) for number, name in enumerate(classes) for path in sorted(name.glob("*.jpg"))]
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path, _ in files])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), np.array([number for _, number in files])


@torch.inference_mode()
def embed(name: str, pixels: torch.Tensor, side_px: int | None) -> np.ndarray:
    """(N, D) features, standardised by the mean and standard deviation of these images."""
    backbone = find_backbone(name).build(None, 0).eval()
    values = pixels.float()
    size = (side_px, side_px) if side_px else None
    given = Preparation(values.mean(dim=(0, 2, 3)), values.std(dim=(0, 2, 3)), size)
    return torch.cat([backbone(batch, given).vector for batch in values.split(64)]).numpy()


def score(features: np.ndarray, labels: np.ndarray, seed: int) -> list[float]:
    """Accuracy at each of FRACTIONS, then of 5 nearest neighbours with all labels."""
    train, test = train_test_split(np.arange(len(labels)), test_size=0.5, stratify=labels, random_state=seed)
    accuracies = []
    for fraction in FRACTIONS:
        n_labels = max(round(fraction * len(train)), len(np.unique(labels)))
        few = train
        if n_labels < len(train):
            few, _ = train_test_split(train, train_size=n_labels, stratify=labels[train], random_state=seed)
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        accuracies.append(probe.fit(features[few], labels[few]).score(features[test], labels[test]))
    nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(5)).fit(features[train], labels[train])
    return [*accuracies, nearest.score(features[test], labels[test])]


def measure(folder: Path, side_px: int | None) -> dict[str, np.ndarray]:
    """Backbone -> (seeds, 4) accuracies: at each of FRACTIONS, and of 5 nearest neighbours."""
    pixels, labels = read_folder(folder)
    features = {name: embed(name, pixels, side_px) for name in BACKBONES}
    return {name: np.array([score(of_one, labels, seed) for seed in SEEDS]) for name, of_one in features.items()}


if __name__ == "__main__":
    print("| backbone | 1 % | 10 % | 100 % | 5 nearest neighbours |\n| --- | --- | --- | --- | --- |")
    for name, runs in measure(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None).items():
        cells = [f"{mean:.3f} ± {std:.3f}" for mean, std in zip(runs.mean(0), runs.std(0, ddof=1), strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")
