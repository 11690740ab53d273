"""Copies: images that are nearly the same, and segments of videos that occur twice."""
