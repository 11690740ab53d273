"""Which decoder process reads which medium, and when."""
