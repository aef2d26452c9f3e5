# What ./start.sh was asked for, read once for both ways of running. Sourced; expects refuse.
#
#   command            demo, stop, …; nothing: start
#   options            as they are handed on, behind the command: --data DIR, never --data=DIR
#   option[--data]     each by its name; paths are whole, without links
#   words              a service of logs; a program of run, and what is the program's own

declare -A option=()

options_of() { # command: what it takes, as the parser of utils/stack/__main__.py has it
    case "$1" in
        "") echo "--data --replay --now --only --run" ;;
        demo) echo "--data --only --run" ;;
        stop | status | run) echo "--data" ;;
        logs) echo "--data --lines -n --follow -f" ;;
        reset | move) echo "--data --yes" ;;
        test) ;;
        *) refuse "expected demo, stop, status, logs, reset, run, move or test, found $1" ;;
    esac
}

read_arguments() { # those of start.sh; sets all of the above, and $mode by --local
    local takes name value
    command="" options=() words=()
    while [ $# -gt 0 ]; do
        case "$1" in
            --local) mode=local ;;
            --data=* | --replay=* | --now=* | --only=* | --lines=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
            --data | --replay | --now | --only | --lines | -n)
                value="${2:-}"
                case "$value" in "" | -*) refuse "$1: expected a value after it, found ${value:-none}" ;; esac
                case "$1" in --data | --replay) value="$(realpath -m -- "$value")" ;; esac
                options+=("$1" "$value") option["$1"]="$value"
                shift ;;
            -*) options+=("$1") option["$1"]=yes ;;
            *) if [ -n "$command" ]; then words+=("$1"); else command="$1"; fi ;;
        esac
        shift
        # What follows a program is its own, whatever it is called.
        case "$command ${#words[@]}" in "test 0" | "run 1") words+=("$@"); break ;; esac
    done
    [ -z "${option[--help]:-}${option[-h]:-}" ] || { show_help; exit; }
    takes="$(options_of "$command")"
    for name in "${!option[@]}"; do
        case " $takes " in *" $name "*) ;; *) refuse "${command:-start}: expected ${takes:-no option}, found $name" ;; esac
    done
    case "$command ${#words[@]}" in
        "run 0") refuse "run: expected a program, such as collector/kafka_01_producer_etf_daily.py" ;;
        *" 0" | "logs 1" | run* | test*) ;;
        *) refuse "$command: expected ${takes:-nothing more}, found ${words[*]}" ;;
    esac
}

show_help() { # the first lines of the program that does the work
    sed -n '1s/^"""//; /^"""$/q; p' "$repo/utils/stack/__main__.py"
}
