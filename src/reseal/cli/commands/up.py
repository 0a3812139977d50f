"""`reseal up`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import uvloop
from cyclopts import Parameter

from reseal.cli.output import print_json
from reseal.kernel.settings import load_settings
from reseal.server.running import serve


def up(
    *,
    data: Annotated[Path | None, Parameter(name="--data")] = None,
    config: Annotated[Path | None, Parameter(env_var="RESEAL_CONFIG")] = None,
    browser_listen: str | None = None,
    device_listen: str | None = None,
    public_url: str | None = None,
    device_url: str | None = None,
    server_name: tuple[str, ...] = (),
    lab_ca: Annotated[bool, Parameter(negative="")] = False,
    ready_file: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Start the server and keep it running until SIGTERM or Ctrl-C.

    The first start makes an organisation, its administrator and a client for automation, and writes them to
    DATA/credentials.json. Every start writes DATA/ready.json, which other commands take as --ready-file.

    Examples
    --------
    reseal up --data ./data
    reseal up --data ./data --browser-listen 0.0.0.0:8443 --public-url https://reseal.contoso.example:8443
    RESEAL_DATABASE_URL=postgresql://reseal@db.example/reseal reseal up --data ./replica-1

    Parameters
    ----------
    data
        The data directory; made if it does not exist.
    config
        A TOML file with settings; options and RESEAL_* variables win over it.
    browser_listen
        HOST:PORT for people and programs. Port 0 takes a free one and keeps it for this data directory.
    device_listen
        HOST:PORT for devices.
    public_url
        The URL under which browsers reach this server, if a proxy or another name stands before it.
    device_url
        The URL under which devices reach this server.
    server_name
        A further host name to answer to; may be given several times.
    lab_ca
        Allow host names of Microsoft's as --server-name, with certificates of a lab authority. For a lab
        only: a machine that trusts its root takes this server for Microsoft's.
    ready_file
        Also write the ready file here.
    json
        Print the ready file's document once the server answers.
    """
    options: dict[str, Any] = {
        "data_directory": data,
        "browser_listen": browser_listen,
        "device_listen": device_listen,
        "public_url": public_url,
        "device_url": device_url,
        "server_names": server_name or None,
        "lab_ca": lab_ca or None,
        "ready_file": ready_file,
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = load_settings(config, os.environ, given)
    # Over the TLS of asyncio itself a check-in costs half as much again.
    uvloop.run(serve(settings, print_json if json else None))
    return 0
