"""Planted files: links and other things in a folder of somebody else, in the place of a file of ours."""
