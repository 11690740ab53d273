"""From a user's choices to the plan of a view: sampling, regions, sound, presets, layers."""
