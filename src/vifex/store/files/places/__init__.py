"""Where a store lies: on a local disk, or at an object store's address."""
