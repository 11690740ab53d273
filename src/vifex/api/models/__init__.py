"""Networks at hand: images, clips, sounds and texts to features, without a store."""
