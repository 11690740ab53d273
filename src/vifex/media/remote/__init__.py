"""Media on other machines: addresses, ranged reads with retries, blocks read ahead, listings of buckets."""
