"""The `reseal` command.

`app` declares the commands by import string, so that `reseal --help` imports none of them; each command is
one module with one public function. `connection` finds and talks to a server, `output` prints for people or,
with `--json`, for programs. What a command may decide is how to ask and how to show; rules live on the
server.

Exit codes: 0 done, 1 our fault, 2 the asked-for thing did not succeed, 64 bad usage.
"""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """The entry point that packaging installs."""
    gc.disable()  # what is imported is no garbage, and looking for some takes a tenth of the time
    from reseal.cli.app import run

    gc.enable()
    sys.exit(run(sys.argv[1:]))
