"""Queries of several parts: one after the other, one without the other, all, any or the mean of some."""
