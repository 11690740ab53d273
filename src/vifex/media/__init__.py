"""Reading media: where they are (`sources`), which frames count (`sample`), and their pixels (`decode`)."""
