"""The shots of a video by its content: small images of its luma go in, frame by frame, and shots come out."""
