"""Graph rewrites that make a network faster and keep its outputs."""
