"""A plug-in of Vifex: JPEGs at an eighth of their size, in about half the time that Pillow takes."""

from vifex_jpeg.decoder import SCALE, decode_eighth

__all__ = ["SCALE", "decode_eighth"]
