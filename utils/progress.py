"""Whether a service gets on, not just whether it lives: it notes how long its last step counts, for who looks later.

The file is SERVICE_PROGRESS_FILE, and holds one instant: unless the service gets on by then, it is stuck.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.settings import ServiceSettings


def note(settings: ServiceSettings, *, pause: float = 0) -> None:
    """The service has got on. `pause`: seconds it means to wait before its next step."""
    if settings.progress_file is None:
        return
    until = datetime.now(UTC) + timedelta(seconds=pause + settings.stuck_seconds)
    beside = settings.progress_file.with_suffix(".new")
    beside.write_text(until.isoformat(timespec="seconds") + "\n", encoding="utf-8")
    beside.replace(settings.progress_file)


def problem(file: Path, since: datetime | None = None) -> str | None:
    """Why the service that notes its progress there is not healthy; None when it is.

    since: its start; what was noted before says nothing of it.
    """
    try:
        noted, until = file.stat().st_mtime, datetime.fromisoformat(file.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return "has not got on with anything yet"
    if since is not None and noted < since.timestamp():
        return "has not got on with anything since its start"
    if until < datetime.now(UTC):
        return f"stuck: last got on with something at {datetime.fromtimestamp(noted, UTC):%H:%M:%S} UTC"
    return None
