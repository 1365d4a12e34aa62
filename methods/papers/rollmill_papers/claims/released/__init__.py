"""Released outputs of papers, and the published numbers that are measured on them."""
