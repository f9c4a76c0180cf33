"""Settings for all tests."""

import signal
import threading

from hypothesis import settings

# Shared machines are slow at times; what an example takes says nothing about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Run in the background (nohup, some build servers), tests inherit that Ctrl-C is ignored, and those
# of Ctrl-C would fail for that.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
