"""Exports of the trees of a search beyond their pieces and pairs."""
