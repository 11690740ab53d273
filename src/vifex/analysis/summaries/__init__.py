"""Summaries of a video: its shots and the frames that stand for it."""
