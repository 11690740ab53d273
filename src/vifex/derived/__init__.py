"""Views made from views of the same store: fused views, and trees of shots and scenes."""
