"""FAISS's flat index, in its own environment.

usage: faiss_search.py VECTORS.npy QUERIES.npy K CORES

Prints JSON: the seconds to load and fill the index, and the seconds of each query after the first few.
"""

import json
import sys
import time

import faiss
import numpy as np

vectors, queries, k, cores = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
faiss.omp_set_num_threads(cores)
began = time.perf_counter()
data = np.load(vectors)
faiss.normalize_L2(data)
index = faiss.IndexFlatIP(data.shape[1])
index.add(data)
asked = np.load(queries)
faiss.normalize_L2(asked)
_, first = index.search(asked[:1], k)
cold = time.perf_counter() - began
seconds = []
for query in asked:
    start = time.perf_counter()
    index.search(query[None], k)
    seconds.append(time.perf_counter() - start)
start = time.perf_counter()
index.search(asked, k)
print(
    json.dumps({"cold": cold, "one": seconds[2:], "many": time.perf_counter() - start, "ids": first.tolist()})
)
