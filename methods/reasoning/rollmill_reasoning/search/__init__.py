"""Policies and processes of search (kinds `search policy` and `process`)."""
