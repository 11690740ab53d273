"""Decoders: a medium and a plan become ready pixels with their own times. No network is known here."""
