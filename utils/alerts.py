"""Where alerts go: the log, and each address of ALERT_URLS by apprise. Addresses hold tokens: none is ever shown."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from config.settings import AlertSettings
from utils.program import UsageError

log = logging.getLogger(__name__)

Channel = Callable[[str, str, bool], bool]
"""Takes title, text and whether it is good news; says whether it was delivered."""


def channels(settings: AlertSettings) -> list[Channel]:
    """The log, then one channel an address, in their order.

    Raises UsageError, naming ALERT_URLS and which address, when one cannot be used.
    """
    addresses = settings.urls.get_secret_value().split()
    return [_say, *(_by_apprise(address, number, len(addresses)) for number, address in enumerate(addresses, start=1))]


def _say(title: str, text: str, good: bool) -> bool:
    log.log(logging.INFO if good else logging.WARNING, "%s: %s", title, text.replace("\n", " "))
    return True


def _by_apprise(address: str, number: int, count: int) -> Channel:
    with _silence():
        asset = AppriseAsset(app_id="ActStock", app_desc="ActStock")
        service = Apprise.instantiate(address, asset=asset)
        notifier = Apprise(service, asset=asset)
    if service is None:
        raise UsageError(f"ALERT_URLS: expected addresses as apprise knows them, number {number} of {count} is none")

    def send(title: str, text: str, good: bool) -> bool:
        with _silence():
            kind = NotifyType.SUCCESS if good else NotifyType.WARNING
            # As plain text: a service that speaks HTML or Markdown gets it escaped.
            delivered = bool(notifier.notify(text, title, notify_type=kind, body_format=NotifyFormat.TEXT))
        if not delivered:
            log.warning(
                "ALERT_URLS: number %d of %d (%s) did not take %r; it is tried again",
                number,
                count,
                service.service_name,
                title,
            )
        return delivered

    return send


@contextmanager
def _silence() -> Iterator[None]:
    """No library logs anything: apprise, requests and their like would show addresses, tokens included."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
