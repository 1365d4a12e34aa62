"""Secret keys within texts: where they come from, how they may be spelled, and their search."""
