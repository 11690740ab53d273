"""Networks for clips and for sequences of features."""
