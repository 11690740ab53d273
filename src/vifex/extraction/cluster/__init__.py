"""Shards as Ray actors on the machines of a cluster."""
