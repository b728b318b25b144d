"""Each error a user can meet, with its exit code and its remedy. No imports from the rest of the package.

The exit codes are the public interface of every command: 0 done, 1 data missing or bad, 2 usage or configuration,
3 key refused, 4 API unreachable or talking nonsense, 5 warehouse failed.
"""

EXIT_DATA_INCOMPLETE = 1


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
    """The API could not be reached or answered nonsense after retries; what was landed stays."""

    exit_code = 4


class ApiClosed(ApiUnavailable):
    """No request will be answered for now, whatever it asks for: the others need not be tried."""


class WarehouseError(EsiosError):
    """The warehouse could not be reached, opened, read or written; the open transaction was rolled back."""

    exit_code = 5
