"""Models as versions: content-addressed folders of weights with their lineage, indexed in git and tracked with DVC."""
