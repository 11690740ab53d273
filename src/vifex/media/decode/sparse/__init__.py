"""Decoding only the parts of a video that the samples need."""
