"""What find, describe and add have in common: a client, the catalogue fetched once, and kept when all is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from extract.api import EsiosClient, Response
from extract.catalogue.entries import Entry, fetch, resolve
from extract.catalogue.landing import keep_catalogue
from extract.catalogue.profile import Profile, profile
from extract.extraction import utc_now
from extract.settings import Settings, require_api_key

# Of what the API may not manage at all.
HASTY_TRIES = 2


class Lookup:
    """A visit to the catalogue, as a context manager: at its end the catalogue is landed where a warehouse can take it.

    `say` gets what is worth a line on stderr. Errors on entering: `UsageError` without a key, and the client's.
    """

    catalogue: Sequence[Entry]

    def __init__(
        self, settings: Settings, say: Callable[[str], None], *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.settings, self.say, self.now = settings, say, now
        self._response: Response | None = None

    def __enter__(self) -> Self:
        require_api_key(self.settings)
        self._patient = EsiosClient(self.settings.api)
        hasty = replace(self.settings.api, max_tries=min(HASTY_TRIES, self.settings.api.max_tries))
        self._hasty = EsiosClient(hasty)
        try:
            self._response, self.catalogue = fetch(self._patient)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._close()
        if self._response is not None and not isinstance(error, KeyboardInterrupt):
            keep_catalogue(self.settings, self._response, self.catalogue, self.now(), self.say)

    def entry(self, wanted: str) -> Entry:
        """The catalogue's entry for an id or a name; `UsageError` if it has none."""
        return resolve(self.catalogue, wanted)

    def profile(self, entry: Entry) -> Profile:
        """What the values of an indicator show; with the catalogue at most `profile.MAX_REQUESTS` requests."""
        return profile(self._patient, self._hasty, entry.id, self.now(), spent=1)

    def _close(self) -> None:
        self._patient.close()
        self._hasty.close()
