"""The commands of the command line, one room each; :mod:`auroral_stats.cli` puts them together."""
