"""Training of networks: configuration, data, augmentation, loop, tasks and the folder of a run."""
