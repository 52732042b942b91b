# Sourced by older.sh and abi.sh: libraries of functions that do nothing, as public headers declare them.

# stub OUTPUT HEADER DECLARATIONS FLAG…: a library with soname libmlp.so.0 that has every function which the
# files DECLARATIONS declare; HEADER declares their types.
stub() {
    output=$1
    {
        echo "#include \"$2\""
        # shellcheck disable=SC2086
        awk '/^MLP_API/ { inside = 1 } inside && sub(/;$/, " { __builtin_trap(); }") { print; inside = 0 } inside' $3
    } >"$output.c"
    shift 3
    ${CC:-cc} -std=c11 -shared -fPIC -g -Wl,-soname,libmlp.so.0 "$@" "$output.c" -o "$output"
}
