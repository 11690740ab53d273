"""Merging stores: which medium counts where two stores have it, and how its rows come over."""
