"""Decoder processes: their supervisor, the wire protocol, and the shared memory that holds pixels."""
