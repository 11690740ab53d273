"""Decoders: a medium and its view requests become ready pixels with exact times. They know no networks."""
