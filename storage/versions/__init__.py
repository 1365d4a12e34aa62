"""Dataset versions: immutable, content-addressed folders with a git-tracked index. See the modules for each part.

Nothing is imported here: who lists versions needs none of what publishes them.
"""
