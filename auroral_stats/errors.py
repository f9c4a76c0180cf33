"""What the user can do wrong, and what data can do to the user.

Each of these carries one message that names the file or argument, says what was expected and what
to do. The command line prints that message alone, without a traceback.
"""


class AuroralStatsError(Exception):
    """A failure that is explained to the user in one message; exit code 1."""

    exit_code = 1


class UsageError(AuroralStatsError, ValueError):
    """An argument that cannot be used as given; exit code 2."""

    exit_code = 2


class DataError(AuroralStatsError, ValueError):
    """Input data that cannot be trusted or do not fit together; exit code 1."""


class ArchiveError(AuroralStatsError, OSError):
    """A file that is missing, unreadable or cannot be fetched; exit code 1."""
