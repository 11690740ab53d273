"""The ledger: sealing and proving commits, reading entries, the index of finished media, the head."""
