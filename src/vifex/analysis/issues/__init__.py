"""Issues of a dataset: images and labels that a person should look at before training on them."""
