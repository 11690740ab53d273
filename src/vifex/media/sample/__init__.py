"""Samplers: the times of a video become frames and windows. Pixels are not read."""
