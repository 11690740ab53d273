"""The run: media items in, batches through the engine, committed rows out."""
