"""What is in a store: its media, views, problems, runs and samples, and the page that shows it."""
