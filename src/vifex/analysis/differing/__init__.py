"""What differs between two stores: recipes, media and rows."""
