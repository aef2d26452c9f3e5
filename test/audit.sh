#!/usr/bin/env bash
# Known vulnerabilities of the locked packages (pip-audit), and LICENSES.md of their licences (pip-licenses).
#
#   bash test/audit.sh [--licences]
#
# By hand, before a lock is committed: the first part asks PyPI's advisories, which the test suite must not depend on. A
# package it cannot look up is a failure, too. --licences: only the second part, which asks nobody.
set -euo pipefail
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$repo/utils/stack/setup.sh"
cd "$repo"
case "${1:-}" in --help | -h) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
set_up .venv-dev requirements-dev.txt

{
    printf '# Licences\n\nOf the packages in requirements.txt, as they state them; made by `bash test/audit.sh`. Not from PyPI: Kafka\n'
    printf '(Apache-2.0) with its jars, the PostgreSQL JDBC driver (BSD-2-Clause), both in config/jars.lock; Bootstrap (MIT),\n'
    printf 'plotly.js (MIT) and Pretendard (OFL-1.1) in dashboard/assets. Tools of development are not part of the product.\n\n'
    # shellcheck disable=SC2046 - names, one word each
    .venv-dev/bin/pip-licenses --from=mixed --with-system --format=markdown --no-version \
        --packages $(sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' requirements.txt) |
        sed -E 's/ +\|/ |/g; s/-{4,}/---/g; s/^(\| peewee \|) UNKNOWN/\1 MIT/' # stated in its LICENSE file alone
} >LICENSES.md
say "LICENSES.md is made"

[ "${1:-}" = --licences ] || for lock in requirements.txt requirements-dev.txt requirements-setup.txt; do
    say "audit: $lock"
    .venv-dev/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r "$lock"
done
