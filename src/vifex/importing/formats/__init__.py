"""Formats of feature files: one file for each, which opens a path as a `FeatureFile`."""
