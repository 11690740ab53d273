"""Search: answers from a store."""
