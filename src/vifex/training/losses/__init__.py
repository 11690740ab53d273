"""Losses that training tasks share."""
