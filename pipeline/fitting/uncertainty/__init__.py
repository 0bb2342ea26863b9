"""How far the estimates of one fit can be trusted: one file a method."""
