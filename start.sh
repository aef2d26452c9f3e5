#!/usr/bin/env bash
# ActStock, every part real: `./start.sh --help`. With Docker where an engine answers, else, or with --local, without.
# A table of contents; the work is in utils/stack.
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo "start: expected Linux (on Windows: WSL, or start.bat), found $(uname -s)" >&2; exit 1; }
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$repo/utils/stack/setup.sh"
source "$repo/utils/stack/arguments.sh"
source "$repo/utils/stack/compose.sh"

mode="${ACTSTOCK_MODE:-}"
read_arguments "$@"
case "$mode" in "" | local | compose) ;; *) fail "ACTSTOCK_MODE: expected local, compose or nothing, found $mode" ;; esac

case "$command" in
    test) exec bash "$repo/test/test.sh" "${words[@]}" ;;
    move) move "${mode:-compose}"; exit ;;
esac
[ -n "$mode" ] || mode="$(mode_of)"
if [ "$mode" = compose ] || { [ -z "$mode" ] && engine_answers; }; then compose_mode; exit; fi

case "$command" in
    stop | status | logs | reset | run) [ -x "$repo/.venv/bin/python" ] || fail "nothing is set up yet: expected $repo/.venv, made by ./start.sh" ;;
    *) set_up .venv requirements.txt ;;
esac

export PYTHONPATH="$repo"
# -P: the folder this was called from may be another checkout, with a utils/ of its own.
exec "$repo/.venv/bin/python" -P -m utils.stack ${command:+"$command"} "${options[@]}" "${words[@]}"
