"""Sound to windows of samples with exact times."""
