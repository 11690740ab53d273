"""Edited copies of real clips, with the spans that are the same in two videos known exactly."""
