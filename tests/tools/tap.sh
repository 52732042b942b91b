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
