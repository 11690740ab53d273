"""How made images are judged: by a distance between features of real and of made ones."""
