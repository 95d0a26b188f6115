"""Letters in, checked for respect, to the right mission at the right hour, with a log that never lies."""

__version__ = "0.1.0"
