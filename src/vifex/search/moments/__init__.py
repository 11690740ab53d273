"""Moments: neighbouring rows of a medium that answer a query, as spans with a start and an end."""
