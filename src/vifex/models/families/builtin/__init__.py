"""Networks that are written here from their papers."""
