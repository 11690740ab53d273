"""`vifex.open`: a store, its views and what they answer."""
