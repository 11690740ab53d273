"""Examples to learn from: where they are, how they are split, decoded and ordered."""
