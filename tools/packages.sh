# Sourced by quickstart and check: installs what is missing of Debian's packages, and builds.

say() {
    printf '\n== %s\n' "$*"
}

# missing PACKAGE…: prints those that are not installed.
missing() {
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "Not root, and there is no sudo: run as root: $*" >&2
        return 1
    fi
}

# install PACKAGE…: does nothing, and needs no network, when all of them are there.
install_packages() {
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    say "installing: $wanted"
    # shellcheck disable=SC2086
    as_root apt-get install -y --no-install-recommends $wanted >/dev/null 2>&1 && return 0
    as_root apt-get update -q || true
    # shellcheck disable=SC2086
    as_root apt-get install -y -q --no-install-recommends $wanted
}

BUILD_PACKAGES="gcc libc6-dev binutils pkg-config meson ninja-build libopenblas-dev liblapacke-dev libjansson-dev
    libyajl-dev libxxhash-dev zlib1g-dev libprotobuf-c-dev protobuf-c-compiler libcmocka-dev"

# Debian's own tools, whatever else comes first on the PATH.
MESON=/usr/bin/meson
export NINJA=/usr/bin/ninja

# configure FOLDER [MESON OPTION…]: a folder left by another version or checkout is made anew.
configure() {
    folder=$1
    shift
    "$MESON" setup "$folder" . "$@" --reconfigure >"$folder.log" 2>&1 ||
        { rm -rf "$folder" && "$MESON" setup "$folder" . "$@" >"$folder.log" 2>&1; } ||
        { cat "$folder.log" >&2; return 1; }
    rm -f "$folder.log"
}

# compile FOLDER [TARGET…]: without targets everything.
compile() {
    folder=$1
    shift
    "$NINJA" -C "$folder" "$@" >"$folder.log" 2>&1 || { cat "$folder.log" >&2; return 1; }
    rm -f "$folder.log"
}

# build FOLDER [MESON OPTION…]
build() {
    configure "$@" && compile "$1"
}
