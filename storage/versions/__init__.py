"""Dataset versions: immutable, content-addressed folders with a git-tracked index. See the modules for each part.

Nothing is imported here: listing versions does not need the code for publishing them.
"""
