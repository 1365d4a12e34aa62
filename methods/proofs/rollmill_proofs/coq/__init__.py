"""Coq: its installation, confined processes, the gate that accepts a proof, and quick rejections."""
