"""Media that lie in other files: members of tar and zip archives, and values of tables."""
