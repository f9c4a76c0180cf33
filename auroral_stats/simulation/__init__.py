"""Data of known truth in the real file formats.

What is written here can be marked as simulated, and then lives in a root of its own, never in a
configured SPEDAS folder.
"""
