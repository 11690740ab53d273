"""What several model families share: weights, hubs, licences, text towers."""
