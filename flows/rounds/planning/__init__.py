"""Planning of a round: tallies in, rows out."""
