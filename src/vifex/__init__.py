"""Vifex: deep features from images and videos."""

__version__ = "0.1.0"
