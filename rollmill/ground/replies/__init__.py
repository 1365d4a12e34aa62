"""Replies of servers: faults, which are counted beside every rate, and tokens of chat formats left in texts."""
