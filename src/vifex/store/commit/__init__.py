"""Writing: the commit protocol, recovery, maintenance of the tables, upgrading."""
