"""Colour: Pillow's modes and profiles, video matrices, HDR and wide gamut to sRGB."""
