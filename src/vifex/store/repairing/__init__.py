"""Mending damaged views: what is proved stays as it is, and the rest is made again by the next extraction."""
