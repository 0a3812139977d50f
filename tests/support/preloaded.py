"""What a process reads and sets before it forks commands and servers: importing this does it."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil

from reseal.cli import commands
from tests.support.processes import PLAIN

os.environ |= PLAIN  # consoles are made while the code is read

for _module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
    importlib.import_module(_module.name)
for _name in ("reseal.server.running", "tests.support.crashing", "tests.support.heard_device"):
    importlib.import_module(_name)

gc.collect()
gc.freeze()  # forks share what nobody touches
