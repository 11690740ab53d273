"""Networks composed of others: fused scales, temporal heads over frames."""
