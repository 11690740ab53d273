"""When nothing matches: the score that a query without a match in a store stays below."""
