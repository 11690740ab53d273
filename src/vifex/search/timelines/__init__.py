"""Moments for editing programs: EDL, OTIO and CSV files, and clips that are cut from the sources."""
