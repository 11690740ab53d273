"""TIFF: tags, pages, rasters, and the scaling of their numbers."""
