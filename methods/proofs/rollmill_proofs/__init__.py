"""Formal proofs in Coq: the installation, goals, the text of a proof, and the gate that accepts a proof."""
