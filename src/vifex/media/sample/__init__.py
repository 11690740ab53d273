"""Samplers: they select frames and windows by the times of a video, without reading pixels."""
