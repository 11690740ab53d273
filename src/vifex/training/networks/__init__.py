"""Transfer of networks: initial weights, what is frozen, and the rate of each part."""
