"""Recommendations: the next media from a history, with diversity and reasons."""
