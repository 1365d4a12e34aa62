"""The verifier `constraints`: instructions about the form of a text that a program can check."""
