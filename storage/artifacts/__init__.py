"""Artifacts, such as datasets and models: content-addressed folders with manifest, parents, tags, yanks and a remote."""
