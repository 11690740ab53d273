"""`vifex.evaluate`: the figures of a model on labelled media, or of predictions from a file."""
