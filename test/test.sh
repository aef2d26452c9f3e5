#!/usr/bin/env bash
# The whole test suite from a fresh clone: set-up, lint, types, tests on real services, the stack end to end.
#
#   bash test/test.sh [--long] [--unit] [pytest arguments]
#
# --long also runs the tests that are marked so; --unit only those that start no service.
set -euo pipefail
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$repo/utils/stack/setup.sh"
source "$repo/utils/stack/compose.sh"
cd "$repo"

chosen="not long"
# A file is one worker's, in the order of the folders: services and databases are a worker's own.
side_by_side=(-n 2 --dist loadfile --no-loadscope-reorder)
case "${1:-}" in
    --help | -h) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    --long) shift; chosen=""; side_by_side=() ;;
    --unit) shift; chosen="not long and not integration and not e2e" ;;
esac

set_up .venv-dev requirements-dev.txt
# The end-to-end test runs start.sh, as a person would: its environment comes from the same cache.
case "$chosen" in *"not e2e"*) ;; *) set_up .venv requirements.txt ;; esac
if [ -n "$chosen" ]; then
    say "containers: with --long only, where a Docker engine answers (test/compose/test_stack.py)"
elif ! engine_answers; then
    say "containers: no Docker engine answers, so their tests are skipped (test/compose/test_stack.py)"
fi
# The dashboard is tested in a browser, as it is read.
case "$chosen" in
    *"not integration"*) ;;
    *) command -v "${CHROMIUM:-chromium}" >/dev/null || install_or_name "Chromium (chromium, or CHROMIUM)" chromium ;;
esac
export PATH="$repo/.venv-dev/bin:$PATH" PYTHONPATH="$repo"
# A stack that runs beside the tests is not theirs.
unset ACTSTOCK_MARKET_DIR
say "set-up: the broker's jars"
python -P -m utils.stack.jars

ruff check .
ruff format --check .
hadolint Dockerfile Dockerfile.airflow Dockerfile.api
mypy .
exec python -m pytest "${side_by_side[@]}" ${chosen:+-m "$chosen"} "$@" </dev/null
