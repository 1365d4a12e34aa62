"""Search policies written as procedures, which are replayed over the tree."""
