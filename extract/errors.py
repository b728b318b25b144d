"""Each error a user can meet, with its exit code and its remedy. No imports from the rest of the package."""

EXIT_DATA_INCOMPLETE = 1
EXIT_INTERRUPTED = 130

# The public interface of every command. `esios --help` and docs/commands.md show this table.
EXIT_CODES = {
    0: "done",
    EXIT_DATA_INCOMPLETE: "finished, but data is missing or bad; each finding is named",
    2: "wrong usage, configuration or input; nothing was changed",
    3: "the API refused the key",
    4: "the API could not be reached, or its responses were unusable, after retries; what was landed stays",
    5: "the warehouse failed; the open transaction was rolled back",
    EXIT_INTERRUPTED: "interrupted (Ctrl-C, SIGTERM); run the same command again to resume",
}


class EsiosError(Exception):
    """An expected failure: what happened (`message`), and what to do about it (`remedy`)."""

    exit_code = 5

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class DataIncomplete(EsiosError):
    """The command finished, but data is missing or bad; each fault is named."""

    exit_code = EXIT_DATA_INCOMPLETE


class UsageError(EsiosError):
    """Wrong usage, configuration or input; nothing was changed."""

    exit_code = 2


class KeyRefused(EsiosError):
    """The API refused the key; never retried."""

    exit_code = 3


class ApiUnavailable(EsiosError):
    """The API could not be reached, or its responses were unusable, after retries; what was landed stays."""

    exit_code = 4


class ApiClosed(ApiUnavailable):
    """No request can succeed for now, whatever it asks for: the others need not be tried."""


class WarehouseError(EsiosError):
    """The warehouse could not be reached, opened, read or written; the open transaction was rolled back."""

    exit_code = 5
