"""Evaluation: benchmarks asked of models, models compared, `replay`, which compares ways to choose an answer, and
`labelling`, which makes chosen answers labels and measures their error.
"""
