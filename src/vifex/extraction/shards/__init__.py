"""Shards: processes with decoders and a network each, and the one process that gives media and commits."""
