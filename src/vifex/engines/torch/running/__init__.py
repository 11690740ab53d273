"""Running a torch network: batches through a device, several in flight."""
