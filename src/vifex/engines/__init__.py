"""Engines: a network, taps and ready pixels become arrays."""
