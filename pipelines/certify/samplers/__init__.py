"""Certificates of samplers: does an engine draw tokens from the distribution that it states?"""
