"""A linear map from the vectors of one model to those of another, fitted on rows that both have."""
