"""The way to the source, as the settings have it: each is checked before the first request."""

import re
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.settings import YahooSettings
from utils.program import StageFailed, UsageError


def way_to_source(settings: YahooSettings) -> dict[str, Any]:
    """What a session needs to go there.

    Raises UsageError when the CA file isn't one or the proxy is no address, StageFailed when nobody answers there.
    """
    options: dict[str, Any] = {}
    if settings.ca_file is not None:
        if not _is_certificate(settings.ca_file):
            raise UsageError(f"YAHOO_CA_FILE {settings.ca_file}: expected a PEM file with a certificate")
        options["verify"] = str(settings.ca_file)
    if settings.proxy is not None:
        _check_proxy(settings.proxy)
        options["proxy"] = settings.proxy
    return options


def _is_certificate(file: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except OSError:  # SSLError is one
        return False
    return True


def _check_proxy(proxy: str) -> None:
    try:
        address = urlsplit(proxy)
        host, port = address.hostname, address.port
    except ValueError:  # a port that is no number, or too large; half a bracket
        host = port = None
    if not host or not port:
        raise UsageError(f"YAHOO_PROXY {_shown(proxy)}: expected http://host:port")
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        raise StageFailed(f"YAHOO_PROXY {_shown(proxy)}: nobody answers ({error})") from error


def _shown(proxy: str) -> str:
    """As it may be written down: without user and password, even where it is no address.

    >>> _shown("http://user:secret@127.0.0.1:8056")
    'http://***@127.0.0.1:8056'
    """
    return re.sub(r"^(\w+://)?.*@", r"\1***@", proxy)
