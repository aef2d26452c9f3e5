#!/usr/bin/env bash
# ActStock on this machine, every part real: `./start.sh --help`. With ACTSTOCK_MODE=compose the same in containers.
# A table of contents; the work is in utils/stack.
set -euo pipefail
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$repo/utils/stack/setup.sh"
source "$repo/utils/stack/compose.sh"

case "${1:-}" in test) shift; exec bash "$repo/test/test.sh" "$@" ;; esac
case "${ACTSTOCK_MODE:-local}" in
    local) ;;
    compose) compose_mode "$@"; exit ;;
    *) fail "ACTSTOCK_MODE: expected local or compose, found $ACTSTOCK_MODE" ;;
esac

case "${1:-}" in
    stop | status | logs | reset) [ -x "$repo/.venv/bin/python" ] || fail "nothing is set up yet: expected $repo/.venv, made by ./start.sh" ;;
    *) set_up .venv requirements.txt ;;
esac

export PYTHONPATH="$repo"
# -P: the folder this was called from may be another checkout, with a utils/ of its own.
exec "$repo/.venv/bin/python" -P -m utils.stack "$@"
