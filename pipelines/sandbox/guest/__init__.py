"""What runs inside the box: standard library only, and not a word of the rest of Rollmill."""
