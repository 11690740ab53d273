"""Files of a store: its layout, locks, checksums, syncing, format 1, and the adapter of Lance."""
