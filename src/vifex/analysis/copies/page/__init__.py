"""The page of copies: what it shows, its look and its script."""
