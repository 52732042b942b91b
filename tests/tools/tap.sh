# Sourced by the tests of the command: a private folder to work in, and lines of TAP. The command's output goes to `out` and `err`.
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
count=0

# result STATUS NAME: one line of TAP, with what the command said where it failed
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        for stream in out err; do
            sed "s/^/# $stream: /" $stream 2>/dev/null | head -n 5
        done
    fi
}

# skipped NAME REASON
skipped() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# same_bits MODEL MODEL: whether their tensors are the same; the headers also say how they were trained
same_bits() {
    for model in "$1" "$2"; do
        python3 -c 'import sys; b = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(b[8 + int.from_bytes(b[:8], "little"):])' \
            "$model" >"$model.bits" 2>>err || return 1
    done
    [ -s "$1.bits" ] && cmp "$1.bits" "$2.bits" >>err
}

# wait_until COMMAND...: until it succeeds, half a minute at most
wait_until() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || return 1
        sleep 0.1
    done
}

# has_trained: whether `err` tells of two epochs
has_trained() {
    [ "$(grep -c '^epoch ' err)" -ge 2 ]
}

# ---- runs of the command, $mlp
# begin ARGUMENT...: runs mlp in the background as $process. What an earlier run said is gone before it begins, so that it is
# waited for; a shell has SIGINT ignored in the background, env gives it back its default.
begin() {
    : >out
    : >err
    env --default-signal=INT,TERM "$mlp" "$@" >out 2>err </dev/null &
    process=$!
}

# exits CODE NAME ARGUMENT...: runs mlp; its output lies in out and err
exits() {
    expected=$1 name=$2
    shift 2
    "$mlp" "$@" >out 2>err </dev/null
    code=$?
    [ "$code" -eq "$expected" ]
    result $? "$name (exit $expected, got $code)"
}

# holds PATTERN FILE: the last run wrote this
holds() {
    grep -q -e "$1" "$2"
    result $? "  $2 has '$1'"
}

# refuses PATTERN ARGUMENT...: wrong usage; the message begins with mlp: and has the pattern, stdout stays empty
refuses() {
    pattern=$1
    shift
    exits 2 "refused: $*" "$@"
    grep -q -e "^mlp: .*$pattern" err && [ ! -s out ]
    result $? "  the message has '$pattern'"
}

# fails PATTERN ARGUMENT...: work that fails
fails() {
    pattern=$1
    shift
    exits 1 "fails: $*" "$@"
    grep -q "^mlp: .*$pattern" err
    result $? "  the message has '$pattern'"
}

json_is_valid() {
    if command -v python3 >/dev/null 2>&1; then
        python3 -m json.tool "$1" >/dev/null 2>err
        result $? "  $1 is JSON"
    else
        head -c 1 "$1" | grep -q '[[{]'
        result $? "  $1 begins like JSON"
    fi
}
