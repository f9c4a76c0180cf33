"""``python -m auroral_stats``."""

import sys

from auroral_stats.cli import main

sys.exit(main())
