"""Networks that are written here from their papers; each loads torch, so a family imports it on use."""
