"""Probing: how well features tell the classes of labelled rows apart, and classifiers that learn from them.

It takes arrays. `vifex.api.answers.probing` reads the rows of a store and the labels, and writes the files.
"""
