# Compose mode: what ./start.sh does where a Docker engine answers. Needs Docker and nothing else: what takes more than
# a few words of shell is done by a container of ours (utils/stack/containers.py). Sourced; expects $repo, say and fail.

ENGINE=25 # the first with a quick health check while a service starts (start_interval)
COMPOSE=2.20.2 # the first that hands it on, and knows services that another may do without
MEMORY=3  # GiB: the peak of the whole stack with a Spark job

engine_answers() {
    [ -f "$repo/docker-compose.yml" ] && command -v docker >/dev/null && timeout 30 docker info >/dev/null 2>&1 </dev/null
}

started_with_docker() { grep -qs "^ACTSTOCK_MODE='compose'" "$@"; } # .env of markets

set_mode() { # compose or local: what ./start.sh means from now on for the market in $folder
    ! grep -qx "ACTSTOCK_MODE='$1'" "$folder/.env" || return 0
    # As a whole: neither a last line without its end nor an interruption spoils it.
    (umask 077; { grep -v '^ACTSTOCK_MODE=' "$folder/.env" || true; printf "ACTSTOCK_MODE='%s'\n" "$1"; } >"$folder/.env.part")
    mv "$folder/.env.part" "$folder/.env"
}

runs_without_docker() { # folders of markets: whether in one of them a supervisor is alive
    local folder pid
    for folder in "$@"; do
        pid="$(cat "$folder/run/supervisord.pid" 2>/dev/null || true)"
        # After a crash its number may be another program's.
        if [ -n "$pid" ] && grep -qs supervisord "/proc/$pid/cmdline"; then return 0; fi
    done
    return 1
}

folder_named() { # the one of --data, else that of the market a start is for, there or not yet
    local market=yahoo
    [ "$command" != demo ] || market=demo
    if [ -n "${option[--replay]:-}" ]; then
        market="replay-$(basename "${option[--replay]}" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9]+/-/g; s/^-|-$//g')"
    fi
    echo "${option[--data]:-$data/$market}"
}

mode_of() { # the way in which the market that is meant was begun, compose or local; a new one: nothing
    local folder
    case "$command" in
        stop | status | logs | reset | run)
            if [ -z "${option[--data]:-}" ]; then
                if ! runs_without_docker "$data"/* && started_with_docker "$data"/*/.env; then echo compose; else echo local; fi
                return
            fi ;;
    esac
    folder="$(folder_named)"
    if started_with_docker "$folder/.env"; then echo compose; elif [ -d "$folder/pg" ]; then echo local; fi
}

compose_mode() { # what read_arguments found
    check_engine
    case "$command" in
        stop | status | logs | reset | run) the_folder; started_here; "compose_$command" ;;
        *) compose_start ;;
    esac
}

check_engine() {
    local version
    engine_answers || fail "expected a Docker engine to answer (docker info), found none; --local does without"
    version="$(docker version --format '{{.Server.Version}}')"
    [ "${version%%.*}" -ge "$ENGINE" ] || fail "expected Docker Engine $ENGINE or newer, found $version; --local does without"
    version="$(docker compose version --short 2>/dev/null || true)"
    printf '%s\n' "$COMPOSE" "${version#v}" | sort --check=quiet --version-sort ||
        fail "expected Docker Compose $COMPOSE or newer, found ${version:-none}; --local does without"
}

compose() { # of the market in $folder: its .env holds, whatever this shell has by the same names
    # shellcheck disable=SC2046 # several options
    env $(sed -nE 's/^([A-Z_]+)=.*/-u \1/p' "$repo/.env.example") \
        docker compose --project-directory "$repo" --env-file "$folder/.env" "$@"
}

# -- which market ----------------------------------------------------------------------------------------------------

the_folder() { # sets $folder to the market's that is meant: of --data, else of the link that start.sh keeps, else the only one
    local found=()
    folder="${option[--data]:-}"
    if [ -z "$folder" ] && link_is_of_data; then folder="$(dirname "$(readlink -f "$repo/.env")")"; fi
    if [ -z "$folder" ]; then
        mapfile -t found < <(find "$data" -mindepth 2 -maxdepth 2 -name market.json -printf '%h\n' 2>/dev/null | sort)
        [ "${#found[@]}" = 1 ] || refuse "expected one market in $data or --data DIR, found ${found[*]:-none: ./start.sh demo makes one}"
        folder="${found[0]}"
    fi
    [ -f "$folder/market.json" ] || refuse "$folder: expected the folder of a market, found no market.json in it"
}

link_is_of_data() { # .env may lead to another folder of markets than the one that ACTSTOCK_DATA names
    [ -L "$repo/.env" ] && [ -f "$repo/.env" ] || return 1
    case "$(readlink -f "$repo/.env")" in "$(readlink -m "$data")"/*) ;; *) [ "$data" = "$repo/var" ] ;; esac
}

is_in_repo() { case "$folder" in "$repo"/*) ;; *) return 1 ;; esac; }

link_is_ours() {
    ! is_in_repo || [ ! -e "$repo/.env" ] || [ -L "$repo/.env" ] ||
        fail ".env: expected the link that start.sh keeps, found a file; move it away"
}

remember() { # so that `docker compose …` in this folder means this market
    if is_in_repo; then
        ln -sfn "${folder#"$repo"/}/.env" "$repo/.env"
    else
        say "$folder is elsewhere: commands need --data $folder, docker compose needs --env-file $folder/.env"
    fi
}

started_here() {
    started_with_docker "$folder/.env" || fail "$folder: is not with Docker; ./start.sh --local means the other mode"
}

setting() { sed -n "s/^$1='\(.*\)'$/\1/p" "$folder/.env"; } # one of the market's

volumes_are_its_own() { # a folder that is new to Docker has other passwords than volumes that are there
    local project
    ! grep -q '^ACTSTOCK_MODE=' "$folder/.env" || return 0
    project="$(setting COMPOSE_PROJECT_NAME)"
    [ -z "$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project")" ] ||
        fail "$folder: expected no volumes of $project, found those of a folder that is gone (airflow/runbooks/start.md)"
    set_mode local
}

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
    local names replay=() user
    user="$(id -u):$(id -g)"
    # Without root, the engine's root is this user, and any other is nobody here.
    case "$(docker info --format '{{.SecurityOptions}}')" in *rootless*) user=0:0 ;; esac
    names="$(mktemp)"
    sed -nE 's/^([A-Z_]+)=.*/\1/p' "$repo/.env.example" >"$names" # without values: those of this environment
    [ -z "$directory" ] || replay=(--volume "$directory:$directory:ro")
    # In this machine's network: a port that is free there is free here.
    docker run --rm --network host --user "$user" --env-file "$names" --env ACTSTOCK_DATA="$data" --env ACTSTOCK_PORTS \
        --env ACTSTOCK_MODE= --env HOME=/tmp --volume "$data:$data" --volume "$parent:$parent" "${replay[@]}" \
        actstock-jobs python -m utils.stack.containers "$@"
    local code=$?
    rm -f "$names"
    return $code
}

compose_start() {
    local only="${option[--only]:-}" directory="${option[--replay]:-}" parent="$data" arguments=("${options[@]}") memory
    quiet=""; [ -t 2 ] || quiet=1
    [ -z "$command" ] || arguments=("$command" "${options[@]}")
    [ -z "${option[--data]:-}" ] || parent="$(dirname "${option[--data]}")"
    [ -z "$directory" ] || [ -d "$directory" ] || refuse "--replay: expected a market directory, found none at $directory"
    memory="$(($(docker info --format '{{.MemTotal}}') / 1024 ** 3))"
    [ "$memory" -ge "$MEMORY" ] || fail "memory: expected $MEMORY GiB for Docker's engine, found $memory GiB"
    mkdir -p "$data" "$parent"
    build
    folder="$(folder_named)"
    if [ -f "$folder/market.json" ] && [ -d "$folder/run" ]; then no_other_start; fi # its settings are about to be written
    folder="$(in_container prepare "${arguments[@]}")" || exit $?
    not_local
    link_is_ours
    no_other_start
    volumes_are_its_own
    [ -n "$(compose ps --quiet)" ] || in_container ports --data "$folder" || exit $?
    set_mode compose
    # shellcheck disable=SC2086 # several names
    compose up --detach --wait --wait-timeout 600 --remove-orphans ${only//,/ } || { compose_explain; exit 1; }
    remember
    [ -n "$only" ] || compose run --rm --no-deps tools python -m utils.stack.containers finish "${arguments[@]}"
}

no_other_start() { # until this one ends; the other mode's, too
    exec 9>"$folder/run/start.lock"
    flock --nonblock 9 || fail "$folder: expected no other start, found one that is still busy"
}

not_local() { # one of both modes at a time in a folder
    ! runs_without_docker "$folder" || fail "$folder runs without Docker: ./start.sh --local stop first"
}

WELL='\|running\|healthy\||^(migrate|topics|airflow-init|market)\|exited\|\|0$' # a service; one that had something to do once

states() { # service|state|health|exit code of each container, but for those of a command by hand
    compose ps --all --format '{{.Name}}|{{.Service}}|{{.State}}|{{.Health}}|{{.ExitCode}}' |
        sed -E '/^[^|]*-run-[0-9a-f]+\|/d; s/^[^|]*\|//'
}

compose_explain() { # the end of the log of what is not well
    local service
    for service in $(states | grep -Ev "$WELL" | cut -d '|' -f 1 | sort -u); do
        say "-- $service"
        compose logs --no-log-prefix --tail 20 "$service" >&2
    done
    say "start: expected every service to be healthy, see above; started again, it goes on from here"
}

# -- the others ------------------------------------------------------------------------------------------------------

compose_stop() {
    compose --profile '*' down --remove-orphans
    say "stopped $(setting PLATFORM_MARKET); data kept in Docker's volumes"
}

compose_status() { # exit code 0 only when every service is healthy
    local ids found services missing
    compose ps --all --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'
    ids="$(compose ps --quiet)"
    # shellcheck disable=SC2086 # several ids
    [ -z "$ids" ] || docker stats --no-stream --format 'table {{.Name}}\t{{.MemUsage}}\t{{.CPUPerc}}' $ids
    found="$(states)"
    services="$(compose config --services)"
    missing="$(comm -23 <(sort <<<"$services") <(cut -d '|' -f 1 <<<"$found" | sort -u) | paste -s -d ' ')"
    [ -z "$missing" ] || say "not there: $missing"
    [ -z "$missing" ] && ! grep -Ev "$WELL" <<<"$found" >/dev/null
}

compose_logs() {
    local lines="${option[-n]:-${option[--lines]:-100}}" follow="${option[-f]:-${option[--follow]:-}}"
    compose --profile '*' logs --tail "$lines" ${follow:+--follow} "${words[@]}"
}

compose_reset() {
    local name
    name="$(setting PLATFORM_MARKET)"
    confirm "remove all data of $name, in Docker's volumes and in $folder?" "$name"
    not_local
    no_other_start
    compose --profile '*' down --remove-orphans --volumes
    [ "$(readlink -f "$repo/.env")" != "$folder/.env" ] || rm -f "$repo/.env"
    rm -rf "$folder.removed"
    mv "$folder" "$folder.removed"
    rm -rf "$folder.removed"
    say "removed $folder and its volumes"
}

confirm() { # question, the name that says yes; --yes: nobody is asked
    local answer
    [ -z "${option[--yes]:-}" ] || return 0
    [ -t 0 ] || refuse "$command: expected an answer on a terminal, or --yes; found neither"
    read -r -p "$1 Type its name to confirm: " answer
    [ "$answer" = "$2" ] || { say "nothing done"; exit 1; }
}

compose_run() {
    compose run --rm --quiet-pull tools python -m utils.stack.program "${words[@]}"
}

# -- from one mode to the other ----------------------------------------------------------------------------------------

move() { # to the mode that gets the data: ./start.sh move, ./start.sh --local move
    local to="$1" name arguments=() file backup
    check_engine
    the_folder
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
    ! started_with_docker "$folder/.env" || confirm "replace the data of $name with Docker by those without?" "$name"
    link_is_ours
    without_docker stop
    "$repo/start.sh" --local "${arguments[@]}" --data "$folder" --only roles >&2
    file="$(without_docker run database/backup.py | backup_file)"
    without_docker stop
    build
    in_container prepare "${arguments[@]}" --data "$folder" >/dev/null
    volumes_are_its_own
    compose --profile '*' stop
    compose up --detach --wait postgres
    compose run --rm --no-TTY migrate </dev/null
    tools sh -c 'umask 077 && cat >"/data/backups/$0"' "$(basename "$file")" <"$file"
    tar -C "$folder" -cf - --ignore-failed-read "${REPLAYED[@]}" 2>/dev/null | tools sh -c 'mkdir -p /data/run && tar -C /data -xf -'
    tools python -m utils.stack.program database/restore.py "$(basename "$file")" </dev/null
    compose --profile '*' stop
    remember
}

backup_file() { # of what database/backup.py says
    tee >(cat >&2) | sed -nE 's/^backup (.*\.dump): .*/\1/p'
}

move_to_local() {
    started_here
    compose --profile '*' stop
    backup="$(tools python -m utils.stack.program database/backup.py </dev/null | backup_file)"
    file="$folder/backups/$(basename "$backup")"
    mkdir -p "$folder/backups" "$folder/replay" "$folder/run"
    (umask 077 && tools cat "$backup" </dev/null >"$file")
    tools sh -c 'cd /data && tar -cf - --ignore-failed-read "$@" 2>/dev/null' sh "${REPLAYED[@]}" </dev/null |
        tar -C "$folder" -xf - --no-same-owner
    compose --profile '*' down --remove-orphans
    "$repo/start.sh" --local "${arguments[@]}" --data "$folder" --only schema >&2
    without_docker run database/restore.py "$file"
    without_docker stop
}
