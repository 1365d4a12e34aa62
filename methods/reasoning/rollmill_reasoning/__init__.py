"""Methods of published papers on reasoning: how a search grows, and what it asks."""
