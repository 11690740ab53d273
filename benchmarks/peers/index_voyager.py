"""Voyager's HNSW, in its own environment.

usage: index_voyager.py FEATURES.npy ROWS NOISE QUERIES.npy TRUTH.npy CORES

Prints JSON: the seconds to make the index, and recall, setting and seconds of each query for each recall.
"""

import sys
import time

import numpy as np
from index_rows import CHUNK, chunk, measure, tell
from voyager import Index, Space

base, rows, noise = np.load(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
asked, truth = np.load(sys.argv[4]), np.load(sys.argv[5])
index = Index(Space.InnerProduct, base.shape[1], M=16, ef_construction=200)
made = 0.0
for number in range(rows // CHUNK):
    part = chunk(base, number, noise)
    began = time.perf_counter()
    index.add_items(part, num_threads=int(sys.argv[6]))
    made += time.perf_counter() - began


def search(vector, ef):
    return index.query(vector, k=truth.shape[1], query_ef=ef)[0]


tell(made, measure(search, asked, truth, [10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960]))
