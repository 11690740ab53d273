"""Models: a name or a file becomes a network with its card and its taps."""
