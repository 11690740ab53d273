"""Clustered rows from real features, the same for every contender, and the measuring that the peers share."""

import json
import time

import numpy as np

CHUNK, QUERIES = 10_000, 500
RECALLS = (0.9, 0.95, 0.99)


def chunk(base, number, noise):
    """Rows `CHUNK * number` and on, float32, of length 1: real features with noise of their own.

    `noise` is the length of the noise over that of the feature.
    """
    return noisy(base, [0, number], CHUNK, noise)


def queries(base, noise):
    """`2 * QUERIES` further rows: the first half chooses parameters, the second half is the test."""
    return noisy(base, [1, 0], 2 * QUERIES, noise)


def noisy(base, seed, count, noise):
    rng = np.random.default_rng(seed)
    chosen = base[rng.integers(0, len(base), count)]
    lengths = np.linalg.norm(chosen, axis=1, keepdims=True)
    spread = noise / np.sqrt(base.shape[1]) * lengths
    rows = chosen + spread * rng.standard_normal(chosen.shape, dtype=np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def measure(search, asked, truth, settings):
    """Choose the first setting that reaches each recall on the first queries, and measure it on the others.

    `search(vector, setting)` gives ids; `settings` rise from quick to thorough.
    """
    found = {}
    k = truth.shape[1]

    def recall(vectors, true, setting):
        shares, seconds = [], []
        for vector, near in zip(vectors, true, strict=True):
            began = time.perf_counter()
            ids = search(vector, setting)
            seconds.append(time.perf_counter() - began)
            shares.append(len(set(map(int, ids)) & set(near.tolist())) / k)
        return float(np.mean(shares)), seconds

    for setting in settings:
        left = [r for r in RECALLS if r not in found]
        if not left:
            break
        seen, _ = recall(asked[:QUERIES], truth[:QUERIES], setting)
        reached = [r for r in left if seen >= r]
        if reached:
            test, seconds = recall(asked[QUERIES:], truth[QUERIES:], setting)
            found |= {r: {"recall": test, "setting": setting, "seconds": seconds} for r in reached}
    return {str(r): one for r, one in found.items()}


def tell(made_s, measured, size=None):
    print(json.dumps({"made_s": made_s, "bytes": size, **measured}))
