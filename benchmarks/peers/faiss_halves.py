"""FAISS's flat index of float16 numbers, in its own environment.

usage: faiss_halves.py ROWS QUERIES.npy K CORES

Prints JSON: the seconds of each warm query after the first few, the processor's too, and of all queries in
one call.
"""

import json
import sys
import time

import numpy as np

DIMENSIONS, CHUNK = 512, 10_000


def chunk(number: int) -> np.ndarray:
    """Rows `CHUNK * number` to `CHUNK * (number + 1)` of the data, float32, of length 1."""
    rows = np.random.default_rng([0, number]).standard_normal((CHUNK, DIMENSIONS), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    import faiss

    rows, queries, k, cores = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    faiss.omp_set_num_threads(cores)
    index = faiss.IndexScalarQuantizer(DIMENSIONS, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(chunk(0)[:1])
    for number in range(rows // CHUNK):
        index.add(chunk(number))
    asked = np.load(queries)
    faiss.normalize_L2(asked)
    seconds, processor = [], []
    for query in asked[:12]:
        start, used = time.perf_counter(), time.process_time()
        _, found = index.search(query[None], k)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    start = time.perf_counter()
    index.search(asked, k)
    many = time.perf_counter() - start
    print(
        json.dumps({"one": seconds[2:], "one_processor": processor[2:], "many": many, "ids": found.tolist()})
    )


if __name__ == "__main__":
    main()
