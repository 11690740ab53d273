"""Shared memory of a supervisor and its decoder processes: slots of pixels, and heartbeats."""
