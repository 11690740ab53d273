"""Times of frames: across joins and streams, and where a container states none."""
