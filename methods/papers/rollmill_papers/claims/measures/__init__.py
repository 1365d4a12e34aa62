"""The measures of claims, one family of claims a file."""
