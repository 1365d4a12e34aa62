"""Routing by profiles: the results of every step on test problems, and the chances that follow for others."""
