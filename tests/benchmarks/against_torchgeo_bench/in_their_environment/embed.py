"""Prints the seconds that torchgeo-bench takes to read and embed all splits, once imported, and those of CPU before.

python embed.py ARCHITECTURE WEIGHTS WORKERS, in its environment, in the folder that holds `data`
"""

import sys
import time

import torch
from local_weights import LocalWeights
from torchgeo_bench.datasets import get_bench_dataset_class, get_datasets
from torchgeo_bench.main import embed_split

architecture, weights, workers = sys.argv[1:]
start, before = time.perf_counter(), time.process_time()
_, *loaders = get_datasets(
    "m-eurosat", batch_size=64, return_val=True, num_workers=int(workers), image_size=64, bands="rgb"
)
dataset = get_bench_dataset_class("m-eurosat")()
bands = dataset.select_band_specs(dataset.rgb_bands)
model = LocalWeights(bands, weights=weights, model_name=architecture, pretrained=False).eval()
for loader in loaders:
    embed_split(model, loader, torch.device("cpu"), verbose=False)
print(time.perf_counter() - start, before)
