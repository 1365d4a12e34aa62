"""A folder of vLLM's layout."""
