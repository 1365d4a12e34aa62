"""A recipe to a dataset version: the stages in order, the snapshot that would be published, its gate and its reports."""
