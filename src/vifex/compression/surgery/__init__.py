"""Changes of a network: channels that go, layers that are split, statistics that are estimated again."""
