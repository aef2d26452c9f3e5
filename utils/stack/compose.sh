# Compose mode: what ./start.sh does where a Docker engine answers. Needs Docker and nothing else: what takes more than
# a few words of shell is done by a container of ours (utils/stack/containers.py). Sourced; expects $repo, say and fail.

ENGINE=25 # the first with a quick health check while a service starts (start_interval)
MEMORY=3  # GiB: the peak of the whole stack with a Spark job

engine_answers() {
    [ -f "$repo/docker-compose.yml" ] && command -v docker >/dev/null && timeout 30 docker info >/dev/null 2>&1 </dev/null
}

started_with_docker() { grep -qs "^ACTSTOCK_MODE='compose'" "$@"; } # .env of markets

set_mode() { # compose or local: what ./start.sh means from now on for the market in $folder
    sed -i '/^ACTSTOCK_MODE=/d' "$folder/.env"
    printf "ACTSTOCK_MODE='%s'\n" "$1" >>"$folder/.env"
}

runs_without_docker() { # folders of markets: whether in one of them a supervisor is alive
    local folder pid
    for folder in "$@"; do
        pid="$(cat "$folder/run/supervisord.pid" 2>/dev/null || true)"
        if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then return 0; fi
    done
    return 1
}

mode_of() { # arguments of start.sh: the way in which the market they mean was begun, compose or local; a new one: nothing
    local argument previous="" market=yahoo given=""
    [ "${1:-}" != demo ] || market=demo
    for argument in "$@"; do
        case "$previous" in
            --data) given="$argument" ;;
            --replay) market="replay-$(basename "$(realpath -m "$argument")" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9]+/-/g; s/^-|-$//g')" ;;
        esac
        previous="$argument"
    done
    case "${given:-${1:-}}" in
        stop | status | logs | reset | run)
            if ! runs_without_docker "$data"/* && started_with_docker "$data"/*/.env; then echo compose; else echo local; fi
            return ;;
    esac
    given="${given:-$data/$market}"
    if started_with_docker "$given/.env"; then echo compose; elif [ -d "$given/pg" ]; then echo local; fi
}

compose_mode() { # arguments of start.sh
    check_engine
    case "${1:-}" in
        stop | status | logs | reset | run) local command="$1"; shift; the_folder "$@"; started_here; "compose_$command" "${rest[@]}" ;;
        --help | -h) sed -n '2,/^"""$/{/^"""$/d;p}' "$repo/utils/stack/__main__.py" ;;
        *) compose_start "$@" ;;
    esac
}

check_engine() {
    local version
    engine_answers || fail "expected a Docker engine to answer (docker info), found none; --local does without"
    version="$(docker version --format '{{.Server.Version}}')"
    [ "${version%%.*}" -ge "$ENGINE" ] || fail "expected Docker Engine $ENGINE or newer, found $version; --local does without"
    docker compose version >/dev/null 2>&1 || fail "expected Docker Compose (docker compose version), found none; --local does without"
}

compose() { # of the market in $folder
    docker compose --project-directory "$repo" --env-file "$folder/.env" "$@"
}

# -- which market ----------------------------------------------------------------------------------------------------

the_folder() { # arguments: sets $folder to the market's that is meant, and $rest to the other arguments
    local given=()
    rest=()
    while [ $# -gt 0 ]; do
        case "$1" in
            --data) [ $# -gt 1 ] || fail "--data: expected a folder"; given=("$2"); shift 2 ;;
            *) rest+=("$1"); shift ;;
        esac
    done
    if [ "${#given[@]}" = 0 ] && [ -L "$repo/.env" ] && [ -f "$repo/.env" ]; then given=("$(dirname "$(readlink -f "$repo/.env")")"); fi
    [ "${#given[@]}" = 1 ] || mapfile -t given < <(find "$data" -mindepth 2 -maxdepth 2 -name market.json -printf '%h\n' 2>/dev/null | sort)
    [ "${#given[@]}" = 1 ] || fail "expected one market in $data or --data DIR, found ${given[*]:-none: ./start.sh demo makes one}"
    folder="$(cd "${given[0]}" 2>/dev/null && pwd)" || fail "${given[0]}: expected the folder of a market, found none"
    [ -f "$folder/market.json" ] || fail "$folder: expected the folder of a market, found no market.json in it"
}

remember() { # so that `docker compose …` in this folder means this market
    case "$folder" in "$repo"/*) ;; *) return 0 ;; esac
    [ ! -e "$repo/.env" ] || [ -L "$repo/.env" ] || fail ".env: expected the link that start.sh keeps, found a file; move it away"
    ln -sfn "${folder#"$repo"/}/.env" "$repo/.env"
}

started_here() {
    started_with_docker "$folder/.env" || fail "$folder: was never started with Docker; ./start.sh --local means the other mode"
}

market_name() { sed -n "s/^PLATFORM_MARKET='\(.*\)'$/\1/p" "$folder/.env"; }

# -- start -----------------------------------------------------------------------------------------------------------

build() {
    local name
    say "images: what changed is built (the first time takes some minutes)"
    for name in jobs airflow api; do
        local file=Dockerfile
        [ "$name" = jobs ] || file="Dockerfile.$name"
        docker build ${quiet:+--quiet} --build-arg MAVEN_REPO_URL --tag "actstock-$name" --file "$repo/$file" "$repo" >&2 || fail "expected $file to build, see above"
    done
}

in_container() { # runs utils/stack/containers.py as this user, on the folders of this machine
    local names replay=()
    names="$(mktemp)"
    sed -nE 's/^([A-Z_]+)=.*/\1/p' "$repo/.env.example" >"$names" # without values: those of this environment
    [ -z "$directory" ] || replay=(--volume "$directory:$directory:ro")
    # In this machine's network: a port that is free there is free here.
    docker run --rm --network host --user "$(id -u):$(id -g)" --env-file "$names" --env ACTSTOCK_DATA="$data" --env ACTSTOCK_PORTS \
        --env ACTSTOCK_MODE= --env HOME=/tmp --volume "$data:$data" --volume "$parent:$parent" "${replay[@]}" \
        actstock-jobs python -m utils.stack.containers "$@"
    local code=$?
    rm -f "$names"
    return $code
}

compose_start() {
    local argument previous="" only="" directory="" parent="$data" arguments=() memory
    quiet=""; [ -t 2 ] || quiet=1
    for argument in "$@"; do
        case "$previous" in
            --replay) directory="$(realpath -m "$argument")"; argument="$directory" ;;
            --data) argument="$(realpath -m "$argument")"; parent="$(dirname "$argument")" ;;
            --only) only="${argument//,/ }" ;;
        esac
        arguments+=("$argument"); previous="$argument"
        case "$argument" in --replay=* | --data=* | --only=*) fail "${argument%%=*}: expected a space before its value" ;; esac
    done
    [ -z "$directory" ] || [ -d "$directory" ] || fail "--replay: expected a market directory, found none at $directory"
    memory="$(($(docker info --format '{{.MemTotal}}') / 1024 ** 3))"
    [ "$memory" -ge "$MEMORY" ] || fail "memory: expected $MEMORY GiB for Docker's engine, found $memory GiB"
    mkdir -p "$data" "$parent"
    build
    folder="$(in_container prepare "${arguments[@]}")" || exit $?
    not_local
    set_mode compose
    remember
    # shellcheck disable=SC2086 # several names
    compose up --detach --wait --wait-timeout 600 --remove-orphans $only || { compose_explain; exit 1; }
    [ -n "$only" ] || compose run --rm --no-deps tools python -m utils.stack.containers finish "${arguments[@]}"
}

not_local() { # one of both modes at a time in a folder
    ! runs_without_docker "$folder" || fail "$folder runs without Docker: ./start.sh --local stop first"
}

WELL='\|(running\|healthy\|.*|exited\|\|0)$' # a service; one that had something to do once

compose_explain() { # the end of the log of what is not well
    local service
    for service in $(compose ps --all --format '{{.Service}}|{{.State}}|{{.Health}}|{{.ExitCode}}' | grep -Ev "$WELL" | cut -d '|' -f 1); do
        say "-- $service"
        compose logs --no-log-prefix --tail 20 "$service" >&2
    done
    say "start: expected every service to be healthy, see above; started again, it goes on from here"
}

# -- the others ------------------------------------------------------------------------------------------------------

compose_stop() {
    compose --profile '*' down --remove-orphans
    say "stopped $(market_name); data kept in Docker's volumes"
}

compose_status() { # exit code 0 only when every service is healthy
    local ids
    compose ps --all --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'
    ids="$(compose ps --quiet)"
    [ -n "$ids" ] || return 1
    # shellcheck disable=SC2086 # several ids
    docker stats --no-stream --format 'table {{.Name}}\t{{.MemUsage}}\t{{.CPUPerc}}' $ids
    ! compose ps --all --format '{{.Service}}|{{.State}}|{{.Health}}|{{.ExitCode}}' | grep -qEv "$WELL"
}

compose_logs() {
    local lines=100 options=()
    while [ $# -gt 0 ]; do
        case "$1" in
            -f | --follow) options+=(--follow); shift ;;
            -n | --lines) lines="${2:?-n: expected how many lines}"; shift 2 ;;
            *) options+=("$1"); shift ;;
        esac
    done
    compose --profile '*' logs --tail "$lines" "${options[@]}"
}

compose_reset() {
    local name answer
    name="$(market_name)"
    if [ "${1:-}" != --yes ]; then
        [ -t 0 ] || fail "reset: expected an answer on a terminal, or --yes; found neither"
        read -r -p "remove all data of $name, in Docker's volumes and in $folder? Type its name to confirm: " answer
        [ "$answer" = "$name" ] || { say "nothing removed"; exit 1; }
    fi
    not_local
    compose --profile '*' down --remove-orphans --volumes
    [ "$(readlink -f "$repo/.env")" != "$folder/.env" ] || rm -f "$repo/.env"
    rm -rf "$folder.removed"
    mv "$folder" "$folder.removed"
    rm -rf "$folder.removed"
    say "removed $folder and its volumes"
}

compose_run() {
    compose run --rm --quiet-pull tools python -m utils.stack.program "$@"
}

# -- from one mode to the other ----------------------------------------------------------------------------------------

move() { # the mode that gets the data, arguments: ./start.sh move, ./start.sh --local move
    local to="$1" name arguments=() file
    shift
    check_engine
    the_folder "$@"
    [ "${#rest[@]}" = 0 ] || fail "move: expected --data DIR or nothing, found ${rest[*]}"
    set_up .venv requirements.txt
    name="$(remembered market)" directory="$(remembered directory)" parent="$(dirname "$folder")"
    case "$name" in
        yahoo) ;;
        demo) arguments=(demo) ;;
        *) arguments=(--replay "$directory") ;;
    esac
    "move_to_$to"
    set_mode "$to"
    [ "$folder" = "$data/$name" ] || arguments+=(--data "$folder")
    say "moved; what was there before stays as it was. Go on with: ./start.sh ${arguments[*]}"
}

remembered() { # what the folder knows of its market
    "$repo/.venv/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$folder/market.json" "$1"
}

without_docker() { # command, its arguments
    local command="$1"
    shift
    "$repo/start.sh" --local "$command" --data "$folder" "$@"
}

tools() { compose run --rm --no-TTY tools "$@"; }

# What of a replayed market is no row of the database: its clock; of the demo also its files and how far its past is built.
REPLAYED=(market run/demo.json replay/clock.json)

move_to_compose() {
    [ -d "$folder/pg" ] || fail "move: expected data of the other mode in $folder, found none"
    without_docker stop
    "$repo/start.sh" --local "${arguments[@]}" --data "$folder" --only roles >&2
    without_docker run database/backup.py
    without_docker stop
    file="$(find "$folder/backups" -name '*.dump' -printf '%f\n' | sort | tail -n 1)"
    build
    in_container prepare "${arguments[@]}" --data "$folder" >/dev/null
    remember
    compose --profile '*' stop
    compose up --detach --wait postgres
    compose run --rm --no-TTY migrate </dev/null
    tools sh -c 'umask 077 && cat >"/data/backups/$0"' "$file" <"$folder/backups/$file"
    tar -C "$folder" -cf - --ignore-failed-read "${REPLAYED[@]}" 2>/dev/null | tools sh -c 'mkdir -p /data/run && tar -C /data -xf -'
    tools python -m utils.stack.program database/restore.py "$file" </dev/null
    compose --profile '*' stop
}

move_to_local() {
    started_here
    compose --profile '*' stop
    tools python -m utils.stack.program database/backup.py </dev/null
    file="$(tools sh -c 'ls /data/backups' </dev/null | tr -d '\r' | grep '\.dump$' | sort | tail -n 1)"
    mkdir -p "$folder/backups" "$folder/replay" "$folder/run"
    (umask 077 && tools cat "/data/backups/$file" </dev/null >"$folder/backups/$file")
    tools sh -c 'cd /data && tar -cf - --ignore-failed-read "$@" 2>/dev/null' sh "${REPLAYED[@]}" </dev/null |
        tar -C "$folder" -xf - --no-same-owner
    compose --profile '*' down --remove-orphans
    "$repo/start.sh" --local "${arguments[@]}" --data "$folder" --only schema >&2
    without_docker run database/restore.py "$file"
    without_docker stop
}
