"""Prints the seconds that we take to read and embed all splits, once imported, and those of CPU before.

python embed_ours.py DATA CACHE
"""

import sys
import time

import timm  # noqa: F401 (whatever the backbone imports is no part of the time)

from harness.api.features import features

if __name__ == "__main__":  # processes that convert import this file as well
    data, cache = sys.argv[1:]
    start, before = time.perf_counter(), time.process_time()
    features("imagenet_lite", "m-eurosat", geobench_dir=data, cache_dir=cache, device="cpu")
    print(time.perf_counter() - start, before)
