"""Answers from the rows of a store: copies, clusters, probes, maps and more. One folder for each question."""
