"""Video frames in presentation order, with exact times, to ready pixels."""
