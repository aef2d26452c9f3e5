# Set-up shared by start.sh and test/test.sh: Python, Java, uv, an environment that is exactly its lock.
# Sourced; expects $repo. Every step can be rerun, does nothing when done, and says expected against found.

data="${ACTSTOCK_DATA:-$repo/var}"
case "$data" in /*) ;; *) data="$PWD/$data" ;; esac
downloads="${ACTSTOCK_DOWNLOADS:-$data/downloads}"
case "$downloads" in /*) ;; *) downloads="$PWD/$downloads" ;; esac
export ACTSTOCK_DATA="$data" ACTSTOCK_DOWNLOADS="$downloads"
# Programs are started all the time; their packages are compiled once, whatever the shell says.
unset PYTHONDONTWRITEBYTECODE
# A proxy of the network is for packages and for Yahoo: our services ask each other on this machine.
no_proxy="${no_proxy:-${NO_PROXY:-}}"
[ "$no_proxy" = "*" ] || no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
export no_proxy NO_PROXY="$no_proxy"

say() { printf '%s\n' "$*" >&2; }
fail() { say "start: $*"; exit 1; }
refuse() { say "start: $*"; exit 2; } # what was asked for is wrong

is_root() { [ "$(id -u)" = 0 ]; }

install_or_name() { # what was expected, Debian package
    is_root && command -v apt-get >/dev/null || fail "expected $1, found none; install it with: sudo apt-get install -y $2"
    say "installing $2: expected $1, found none"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } >&2 </dev/null ||
        fail "expected $1, and apt-get could not install it; try: apt-get install -y $2"
}

find_python() { # sets $python
    local candidate found=()
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3; do
        command -v "$candidate" >/dev/null || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            python="$("$candidate" -c 'import sys; print(sys.executable)')"
            return
        fi
        found+=("$candidate: $("$candidate" --version 2>&1 | head -n 1)")
    done
    fail "expected Python 3.11 (PYTHON, python3.11 or python3), found ${found[*]:-none}; with Debian 12: sudo apt-get install -y python3.11 python3.11-venv"
}

java_version() { # the major version of the java that will run, or nothing
    local java="java"
    [ -z "${JAVA_HOME:-}" ] || java="$JAVA_HOME/bin/java"
    "$java" -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p'
}

find_java() {
    local version
    version="$(java_version || true)"
    [ -n "$version" ] || { install_or_name "Java 17 or newer" openjdk-17-jre-headless && version="$(java_version || true)"; }
    [ "${version:-0}" -ge 17 ] || fail "expected Java 17 or newer, found ${version:-none} (JAVA_HOME=${JAVA_HOME:-unset})"
}

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }

find_uv() { # sets $uv: a small environment of its own, beside the downloads
    local lock="$repo/requirements-setup.txt" home="$downloads/setup"
    uv="$home/bin/uv"
    # The path is part of the record: an environment that was moved does not run.
    local wanted="$(sum_of "$lock") $home"
    if [ "$(cat "$home/.lock-sha256" 2>/dev/null)" = "$wanted" ] && "$uv" --version >/dev/null 2>&1; then return; fi
    say "set-up: uv"
    rm -rf "$home"
    if ! "$python" -m venv "$home" >/dev/null 2>&1; then
        install_or_name "a Python 3.11 that can make environments (python3.11-venv)" python3.11-venv
        rm -rf "$home"
        "$python" -m venv "$home" >&2 || fail "expected '$python -m venv' to work, see above"
    fi
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2 </dev/null ||
        fail "expected to install uv from $lock, see above"
    printf '%s\n' "$wanted" >"$home/.lock-sha256"
}

uv_like_pip() { # what the operator told pip holds for uv, too, unless uv was told otherwise
    if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
    if [ -n "${PIP_EXTRA_INDEX_URL:-}" ]; then export UV_INDEX="${UV_INDEX:-$PIP_EXTRA_INDEX_URL}"; fi
    if [ -n "${PIP_FIND_LINKS:-}" ]; then export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS// /,}}"; fi
    if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"; fi
    if [ -n "${PIP_NO_INDEX:-}" ]; then export UV_NO_INDEX="${UV_NO_INDEX:-$PIP_NO_INDEX}"; fi
    # A pip configured by file says so only when asked.
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_NO_INDEX:-}" ]; then
        local index
        index="$("$downloads/setup/bin/python" -m pip config get global.index-url 2>/dev/null || true)"
        [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
    fi
    # A cache beside the downloads is on the environment's file system: files are linked, not copied.
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$downloads/uv}" UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-${PIP_DEFAULT_TIMEOUT:-120}}"
    # Another file system: copying is what uv does anyway, without the warning.
    if [ "$(stat -c %d "$downloads")" != "$(stat -c %d "$repo")" ]; then export UV_LINK_MODE="${UV_LINK_MODE:-copy}"; fi
}

room_for() { # folder, GiB
    local free="$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1048576) }')"
    [ "$free" -ge "$2" ] || fail "disk: expected $2 GiB free at $1 for packages and their cache, found $free GiB"
}

sync() { # environment, lock: runs under the lock of this set-up
    local home="$repo/$1" lock="$repo/$2"
    local wanted="$(sum_of "$lock") $home"
    if [ "$(cat "$home/.lock-sha256" 2>/dev/null)" = "$wanted" ]; then return; fi
    [ -f "$home/.lock-sha256" ] || room_for "$downloads" 5
    find_uv
    uv_like_pip
    if [ -d "$home" ] && [ ! -f "$home/.lock-sha256" ]; then say "set-up: $1 was left half-finished; going on"; fi
    say "set-up: $1 as $2 says"
    rm -f "$home/.lock-sha256"
    if ! "$home/bin/python" -c 'import sys' 2>/dev/null; then
        "$uv" venv --quiet --clear --python "$python" "$home" >&2 || fail "expected to make $home, see above"
    fi
    # The lock also pins what pyspark is built with.
    "$uv" pip sync ${quiet:+--quiet} --require-hashes --build-constraints "$lock" --python "$home/bin/python" "$lock" >&2 </dev/null ||
        fail "expected every package of $2 with its hash, see above; started again, it goes on from here"
    printf '%s\n' "$wanted" >"$home/.lock-sha256"
}

set_up() { # environment, lock
    local began=$SECONDS quiet=""
    [ -t 2 ] || quiet=1
    mkdir -p "$downloads" 2>/dev/null || fail "expected to write to $downloads (ACTSTOCK_DOWNLOADS)"
    find_python
    find_java
    # One set-up at a time: a second one waits, and then finds everything done.
    { flock 9; sync "$1" "$2" 9>&-; } 9>"$downloads/setup.lock"
    # Without MLlib: every Spark session would begin by setting up the functions it adds.
    rm -f "$repo/$1"/lib/python3.11/site-packages/pyspark/jars/spark-mllib_*.jar ||
        fail "expected to remove MLlib from $1, see above"
    export ACTSTOCK_SETUP_SECONDS=$((SECONDS - began))
}
