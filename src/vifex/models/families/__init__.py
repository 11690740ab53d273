"""Families of networks with names `PREFIX/NAME`; each is one file and one line in `registry.py`."""
