"""Clusters of rows: a space of few dimensions, the fit, and how clusters are described."""
