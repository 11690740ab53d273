"""Still and animated images to ready pixels."""
