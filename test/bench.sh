#!/usr/bin/env bash
# The benches of test/bench, one after another, and BENCHMARKS.md made of what they print: `bash test/bench.sh --help`.
set -euo pipefail
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$repo/utils/stack/setup.sh"
cd "$repo"
set_up .venv-dev requirements-dev.txt
export PATH="$repo/.venv-dev/bin:$PATH" PYTHONPATH="$repo"
python -P -m utils.stack.jars
exec python -P -m test.bench "$@"
