"""Allocators: they choose which arm gets the next completions."""
