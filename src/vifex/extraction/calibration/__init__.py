"""Samples of the user's own media for int8 quantization and for measurements."""
