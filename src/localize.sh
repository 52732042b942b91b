#!/bin/sh
# Makes a static library in which only the public symbols are global, so that an internal name such as `fail` cannot
# clash with a program's own.  usage: localize.sh INPUT.a OUTPUT.a SCRATCH_FOLDER LD OBJCOPY AR
set -eu
mkdir -p "$3"
object="$3/mlp.o"
rm -f "$object" "$2"
"$4" -r --whole-archive "$1" -o "$object"
"$5" --localize-hidden "$object"
"$6" rcsD "$2" "$object"
