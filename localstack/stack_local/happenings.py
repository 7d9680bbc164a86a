"""What services of the plug-in report to EventBridge, which LocalStack hands on to the targets of rules."""

import json
import logging
import threading

from localstack.aws.connect import connect_to
from localstack.services.events.models import events_stores

_log = logging.getLogger(__name__)


def _has_rules(account: str, region: str) -> bool:
    return any(bus.rules for bus in events_stores[account][region].event_buses.values())


def report(account: str, region: str, source: str, kind: str, resources: list[str], detail: dict) -> None:
    """Sends an event, if anything waits for one: from another thread, as the caller may hold the lock."""
    if not _has_rules(account, region):
        return
    entry = {"Source": source, "DetailType": kind, "Resources": resources, "Detail": json.dumps(detail, default=str)}

    def send() -> None:
        try:
            connect_to(aws_access_key_id=account, aws_secret_access_key="test", region_name=region).events.put_events(
                Entries=[entry]
            )
        except Exception:
            _log.exception("the event %s was not delivered", entry)

    threading.Thread(target=send, daemon=True).start()
