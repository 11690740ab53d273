"""Extraction: joins media, models, engines, poolings and the store, and loses nothing on the way."""
