"""Settings for all tests."""

from hypothesis import settings

# Shared machines are slow at times; what an example takes says nothing about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
