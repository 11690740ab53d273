"""Rows that are far from all others, and moments of a video that are unlike the rest of it."""
