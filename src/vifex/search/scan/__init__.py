"""The exact scan below `vifex.search.exact`: blocks of rows, their products, bounds and the best rows."""
