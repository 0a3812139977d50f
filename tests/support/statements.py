"""SQL is made from statements once for each kind of database, as in a server that lives on.

SQLAlchemy keeps what it has compiled with each engine. A test has an engine of its own, and would compile
everything it asks anew, which takes a sixth of the time of a test that plays a deployment.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa


class Compiled:
    """What SQLAlchemy has compiled for engines of one kind. Its keys begin with the engine's own dialect, an
    object that is another one each time and tells nothing more than the kind.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        """What was compiled for this statement, if it was."""
        return self._kept.get(key[1:])

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._kept[key[1:]] = compiled


def share_compiled_statements() -> None:
    """From now on, for every connection of this process."""
    kinds: defaultdict[tuple[str, str], Compiled] = defaultdict(Compiled)

    def share(connection: sa.Connection) -> None:
        dialect = connection.dialect
        connection.execution_options(compiled_cache=kinds[dialect.name, dialect.driver])

    sa.event.listen(sa.Engine, "engine_connect", share)
