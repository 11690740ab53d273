"""Extraction of what arrives in folders: what changed, what is whole, and the run that goes on."""
