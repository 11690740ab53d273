"""Approximate search by an index of the store, with a recall that was measured against exact search."""
