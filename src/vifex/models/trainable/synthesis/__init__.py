"""Networks that make images: autoencoders and a generative adversarial network."""
