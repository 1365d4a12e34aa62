"""Code that runs in vLLM's interpreter: the standard library and vLLM (with torch and numpy), nothing else of this
project.
"""
