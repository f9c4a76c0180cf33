"""``python -m classifier`` is ``auroral_classifier``."""

from classifier.cli import main

if __name__ == "__main__":
    main()
