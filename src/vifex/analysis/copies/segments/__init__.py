"""Copied segments of videos: pairs of spans that show the same, and images that occur in videos."""
