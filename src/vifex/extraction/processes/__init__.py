"""Child processes that talk over their standard input and output, seen from both sides."""
