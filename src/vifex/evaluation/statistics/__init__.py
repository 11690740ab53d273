"""Statistics: how sure a figure is, and whether two models differ."""
