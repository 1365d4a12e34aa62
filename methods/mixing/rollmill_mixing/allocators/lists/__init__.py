"""Allocators over ordered lists of demonstrations."""
