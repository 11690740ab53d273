"""Poolings: maps, tokens and sequences become vectors."""
