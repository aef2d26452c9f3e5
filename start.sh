#!/usr/bin/env bash
# ActStock, every part real: `./start.sh --help`. With Docker where an engine answers, else, or with --local, without.
# A table of contents; the work is in utils/stack.
set -euo pipefail
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$repo/utils/stack/setup.sh"
source "$repo/utils/stack/compose.sh"

mode="${ACTSTOCK_MODE:-}"
arguments=()
for argument in "$@"; do
    if [ "$argument" = --local ]; then mode=local; else arguments+=("$argument"); fi
done
set -- "${arguments[@]}"
case "$mode" in "" | local | compose) ;; *) fail "ACTSTOCK_MODE: expected local, compose or nothing, found $mode" ;; esac

case "${1:-}" in
    test) shift; exec bash "$repo/test/test.sh" "$@" ;;
    move) shift; move "${mode:-compose}" "$@"; exit ;;
esac
[ -n "$mode" ] || mode="$(mode_of "$@")"
if [ "$mode" = compose ] || { [ -z "$mode" ] && engine_answers; }; then compose_mode "$@"; exit; fi

case "${1:-}" in
    stop | status | logs | reset | run) [ -x "$repo/.venv/bin/python" ] || fail "nothing is set up yet: expected $repo/.venv, made by ./start.sh" ;;
    *) set_up .venv requirements.txt ;;
esac

export PYTHONPATH="$repo"
# -P: the folder this was called from may be another checkout, with a utils/ of its own.
exec "$repo/.venv/bin/python" -P -m utils.stack "$@"
