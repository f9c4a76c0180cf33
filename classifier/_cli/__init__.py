"""The commands of ``auroral_classifier``, a room each."""
