"""Laws of science as problems."""
