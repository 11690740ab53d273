"""Samplers: the times of a video become frames and windows. No pixel is looked at."""
