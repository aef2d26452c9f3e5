"""How the stack is: one line a service, and where to look at it."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import psutil

from utils.stack import supervisor
from utils.stack.folder import Folder
from utils.stack.ports import HOST
from utils.stack.services import Service, services_of
from utils.stack.steps import Took, trouble

MEBIBYTE = 2**20
COLUMNS = "{:<22} {:<10} {:>7} {:>6} {:>8}  {:<19}  {}"


def show(folder: Folder) -> bool:
    """Print the state of every service; whether all are healthy."""
    print(f"{folder.market} in {folder.path}")
    print(COLUMNS.format("service", "state", "pid", "port", "memory", "since (UTC)", "last error").rstrip())
    processes = supervisor.processes(folder)
    reasons = [_show_service(service, folder, processes.get(service.name)) for service in services_of(folder)]
    if processes:
        print(f"memory of all: {memory(folder) / MEBIBYTE:.0f} MiB (proportional)")
    return not any(reasons)


def memory(folder: Folder) -> int:
    """Bytes of the whole stack, shared pages counted once."""
    return pss(supervisor.processes_of(folder))


def pss(processes: Iterable[psutil.Process]) -> int:
    """Proportional set size of the processes together, in bytes."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += int(process.memory_full_info().pss)
    return total


def _show_service(service: Service, folder: Folder, process: supervisor.Process | None) -> str | None:
    if process is None or process.pid is None:
        state = process.state.lower() if process else "stopped"
        ended = (process.error if process else "") or supervisor.unexpected_exit(folder, service.name) or ""
        print(COLUMNS.format(service.name, state, "-", _port(service, folder), "-", "-", ended).rstrip())
        return state
    reason = trouble(service, folder, process)
    used = 0
    with suppress(psutil.Error):
        main = psutil.Process(process.pid)
        used = pss([main, *main.children(recursive=True)])
    state = "healthy" if reason is None else "starting" if process.state == "STARTING" else "unhealthy"
    since = f"{process.since:%Y-%m-%d %H:%M:%S}" if process.since else "-"
    error = reason or supervisor.unexpected_exit(folder, service.name) or ""
    size = f"{used / MEBIBYTE:.0f} MiB"
    print(COLUMNS.format(service.name, state, process.pid, _port(service, folder), size, since, error).rstrip())
    return reason


def _port(service: Service, folder: Folder) -> str:
    return folder.settings[service.port] if service.port else "-"


def show_times(took: Iterable[Took], total: float) -> None:
    """Where the time went, longest first; steps ran beside each other, so their sum is more than the total."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for step in took:
        seconds[step.name].append(step.seconds)
    print(f"\n{'step':<42} seconds")
    for name, each in sorted(seconds.items(), key=lambda item: -sum(item[1])):
        if sum(each) >= 0.05:
            print(f"{name + (f' × {len(each)}' if len(each) > 1 else ''):<42} {sum(each):7.1f}")
    print(f"{'all, beside each other':<42} {total:7.1f}")


def show_addresses(folder: Folder) -> None:
    """Where to look, and with which login."""
    settings = folder.settings

    def url(name: str, path: str = "") -> str:
        return f"http://{HOST}:{settings[name]}{path}"

    print(f"\nDashboard  {url('DASHBOARD_PORT')}")
    print(f"API        {url('API_PORT', '/docs')}   X-API-Key: {settings['API_KEY']}")
    print(f"Airflow    {url('AIRFLOW_PORT')}   admin / {settings['AIRFLOW_ADMIN_PASSWORD']}")
    if folder.market.is_replayed:
        kind = "demo data: market" if folder.market.is_demo else "market"
        market = folder.market_directory or folder.market
        print(f"Replay     {url('REPLAY_CONTROL_PORT', '/_control/clock')}   {kind} {market}")
    print(f"Data       {folder.place}   stop: ./start.sh stop")
