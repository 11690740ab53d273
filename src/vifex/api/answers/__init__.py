"""The public functions that answer questions from a store or a folder, one module for each."""
