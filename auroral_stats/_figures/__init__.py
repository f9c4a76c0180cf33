"""The inside of :mod:`auroral_stats.plots`."""
