"""Sources: paths, lists and manifests become media. No pixel is looked at."""
