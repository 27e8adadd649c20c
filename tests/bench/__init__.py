"""What a metered call costs in CPU time."""
