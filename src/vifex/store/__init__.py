"""The store: rows, outcomes and recipes, kept exactly. How they were made is not its business."""
