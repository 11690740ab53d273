"""Reading media: where they are (`sources`), which frames are sampled (`sample`), their pixels (`decode`)."""
