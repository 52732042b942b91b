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
