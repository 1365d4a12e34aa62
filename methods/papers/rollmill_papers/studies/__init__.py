"""Measures of studies: effects that one paper each claims, measured on models. torch is imported inside functions."""
