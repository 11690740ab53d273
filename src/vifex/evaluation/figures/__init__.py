"""Figures: numbers that say how good predictions or embeddings are."""
