"""Readers of single image formats: HEIF, JPEG 2000, JPEG XL, raw photographs, large JPEGs."""
