"""The facades behind `vifex.extract`, `vifex.open` and `vifex.load_model`."""
