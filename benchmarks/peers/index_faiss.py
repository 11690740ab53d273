"""FAISS's IVF with numbers of 8 bits, in its own environment.

usage: index_faiss.py FEATURES.npy ROWS NOISE QUERIES.npy TRUTH.npy CORES

Prints JSON: the seconds to make the index, and recall, setting and seconds of each query for each recall.
"""

import sys
import time

import faiss
import numpy as np
from index_rows import CHUNK, chunk, measure, tell

base, rows, noise = np.load(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
asked, truth = np.load(sys.argv[4]), np.load(sys.argv[5])
faiss.omp_set_num_threads(int(sys.argv[6]))
size = base.shape[1]
began = time.perf_counter()
index = faiss.IndexIVFScalarQuantizer(
    faiss.IndexFlatIP(size),
    size,
    int(rows**0.5),
    faiss.ScalarQuantizer.QT_8bit,
    faiss.METRIC_INNER_PRODUCT,
)
made = 0.0
first = np.concatenate([chunk(base, n, noise) for n in range(min(rows // CHUNK, 10))])
began = time.perf_counter()
index.train(first)
made += time.perf_counter() - began
for number in range(rows // CHUNK):
    part = chunk(base, number, noise)
    began = time.perf_counter()
    index.add(part)
    made += time.perf_counter() - began


def search(vector, probes):
    index.nprobe = probes
    return index.search(vector[None], truth.shape[1])[1][0]


steps = [
    n for n in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512) if n <= index.nlist
]
tell(made, measure(search, asked, truth, steps), rows * size)
