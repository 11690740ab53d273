"""Families of networks that come by name: `PREFIX/NAME`, each one file and its catalogue lines."""
