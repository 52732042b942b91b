#!/bin/sh
# Diagnosis, logs and their charts, the monitor, studies.
# Usage: test_command_diagnosis.sh PATH-OF-MLP PATH-OF-DIGITS.CSV
# Prints TAP.
mlp=$(realpath "$1")
digits=$(realpath "$2")
. "$(dirname "$0")/tap.sh"

"$mlp" train --data digits --validation 0.2 --epochs 12 --seed 3 --quiet --output model >out 2>err || exit 1

# ---- diagnosis
exits 0 'diagnose a trained model' diagnose model --data digits --samples 100
holds '^ *0 .*relu' out
exits 0 'diagnose a start' diagnose --data digits --seed 2
holds 'healthy: per layer' out
[ "$(awk 'length > 80' out | wc -l)" -eq 0 ]
result $? '  no line is longer than 80 columns'
deep=64,64,64,64,64,64,64
exits 0 'sigmoid in depth vanishes' diagnose --data digits --hidden $deep --activation sigmoid
holds 'vanishing: layers 0' out
holds 'relu' out
exits 1 'and is a failure with --check' diagnose --data digits --hidden $deep --activation sigmoid --check
exits 0 'no weights' diagnose --data digits --hidden 20,20 --init zeros
holds 'symmetric: layers 0-1' out
exits 0 'unscaled weights in depth' diagnose --data digits --hidden $deep --init normal:1
holds 'exploding: layers' out
exits 0 'biases far below' diagnose --data digits --hidden 30,30 --bias-init constant:-90
holds 'dead: layers\? 0' out
exits 0 'saturation' diagnose --data digits --hidden 64,64 --activation tanh --init normal:1
holds 'saturated: layers' out
exits 0 'as JSON' diagnose --data digits --hidden 9 --json
json_is_valid out
exits 0 'a start fitted to the data' diagnose --data digits --hidden 30,30 --data-init lsuv
holds 'layer' out
exits 0 'training from it' train --data digits --hidden 30,30 --data-init weight-norm --epochs 2 --quiet
refuses 'data-init' train --data digits --data-init data
printf 'a,b,c\n1,2,x\n1,2,y\n1,2,x\n' >constant.csv
fails 'data-init: layer 0' train --data constant.csv --data-init lsuv
exits 0 'a gradient check' diagnose --data digits --hidden 9 --activation tanh --gradient-check --check --learning-rate 0.1
holds '^ *1  b  *10 ' out
holds '^gradients: right$' out
[ "$(awk 'length > 80' out | wc -l)" -eq 0 ]
result $? '  no line is longer than 80 columns'
exits 0 '  and a step as JSON' diagnose --data digits --hidden 9 --gradient-check --optimizer adam --json
json_is_valid out
grep -q '"relative_error": [0-9.e-]*,' out && grep -q '"update_ratio": 0.0' out && grep -q '"passed": true' out
result $? '  its figures are there'
if command -v gnuplot >/dev/null 2>&1; then
    exits 0 'charts' diagnose --data digits --hidden 9,9 --plot charts.svg
    holds '</svg>' charts.svg
    fails 'nothing/there.svg: cannot write' diagnose --data digits --plot nothing/there.svg
fi
refuses '--plot: expected a file name that ends in .svg or .png' diagnose --data digits --plot charts.txt
refuses '--learning-rate: expected a number above 0' diagnose --data digits --learning-rate 0
refuses '--data is missing' diagnose
refuses '--samples' diagnose --data digits --samples 0
fails 'cannot open' diagnose nothing --data digits
if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import json, struct
whole = bytearray(open("model", "rb").read())
start = 8 + struct.unpack("<Q", whole[:8])[0]
first = json.loads(whole[8:start])["layers.1.weight"]["data_offsets"][0]
whole[start + first:start + first + 4] = struct.pack("<f", float("nan"))
open("model-nan", "wb").write(whole)'
    fails "'layers.1.weight' has the value nan at row 0, column 0" diagnose model-nan --data digits
    holds 'non-finite: .*train it again' err
fi

# ---- the log, and its charts
exits 0 'a log' train --data digits --epochs 3 --clip global-norm:0.3 --log clipped.csv --log-steps 10 --history clipped-epochs.csv --quiet
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
         { s = $at["clip_scale"]; if (!(s > 0.1 && s < 1 && $at["clipped"] > 0.9)) bad = 1 } END { exit bad || NR != 10 }' clipped.csv
result $? '  nine lines, with the mean scale of the clipped steps'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
         { s = $at["clip_scale"]; if (!(s > 0.1 && s < 1)) bad = 1 } END { exit bad || NR != 4 }' clipped-epochs.csv
result $? '  the history has it, too'
exits 0 'as lines of JSON' train --data digits --epochs 2 --log free.jsonl --quiet
[ "$(grep -c '"clip_scale":1.0,"clipped":0.0,"skipped":0.0}$' free.jsonl)" -eq 2 ]
result $? '  nothing was scaled'
if command -v gnuplot >/dev/null 2>&1; then
    exits 0 'charts of a log' plot clipped.csv free.jsonl --output clipped.svg
    holds '>clip scale<' clipped.svg
    exits 0 'without what never happened' plot free.jsonl --output free.svg
    ! grep -q '>clip scale<\|>share of steps<' free.svg && grep -q '>gradient norm<' free.svg
    result $? '  clipping has no chart'
fi
refuses 'plot: expected 1 to 8 logs' plot
fails 'line 1 is no heading of a log' plot "$digits"

# ---- the monitor
exits 0 'a watched training' train --data digits --hidden 64,64,64,64,64,64 --activation sigmoid --monitor --epochs 6 \
    --monitor-history watched.csv --quiet
holds '^found: vanishing$' out
holds '^mlp: step 1: vanishing: layer 0' err
[ "$(awk 'length > 80' out | tail -n 10 | grep -c rms)" -eq 0 ] && [ "$(wc -l <watched.csv)" -eq 15 ] &&
    head -n 1 watched.csv | grep -q '^step,epoch,layer,loss,' && grep -q '^101,4,0,.*,vanishing$' watched.csv
result $? '  two looks at seven layers are in the table'
exits 0 'a healthy one' train --data digits --monitor-interval 10 --epochs 2 --quiet --json
json_is_valid out
grep -q '"update_ratio"' out && ! grep -q 'vanishing\|exploding\|dead": [1-9]\|step' err
result $? '  its records are there, and no warning'
exits 0 'an unwatched one' train --data digits --epochs 1 --quiet --json
holds '"monitor": null' out
fails '--monitor-history: cannot write' train --data digits --monitor-history nothing/there.csv
refuses '--monitor-interval' train --data digits --monitor-interval 0

# ---- studies
exits 0 'a study' study zeros --seeds 2 --samples 300
holds '^verdict: ' out
holds '^| tanh, zeros ' out
exits 0 'as JSON' study zeros --seeds 2 --samples 300 --json
json_is_valid out
[ "$(wc -l <out)" -eq 1 ] && grep -q '"as_predicted":' out
result $? '  one line, with the verdict'
exits 0 'a grid' study compare --init he-normal,normal:1 --activation tanh --depths 2,3 --seeds 2 --samples 200 --output page
holds '^| tanh, 3 ' out
holds '^verdict: ' page/studies.md
[ ! -e page/studies.md.part ]
result $? '  the page is whole'
if command -v gnuplot >/dev/null 2>&1; then
    grep -q '<svg' page/compare-1.svg && holds '(compare-1.svg)' page/studies.md
    result $? '  its picture is there'
fi
refuses 'no study' study nothing
refuses 'name of one study' study
refuses 'name of one study' study zeros --all
refuses '--depths' study compare --depths 3,0
refuses '--seeds' study zeros --seeds 1
printf 'a,b\n1,x\n2,x\n3,x\n4,x\n5,x\n' >one-class.csv
refuses 'at least 2 classes' study zeros --data one-class.csv
fails 'cannot make the folder' study zeros --output "$digits/below"
begin study depth --output stopped-page
wait_until [ -e stopped-page/studies.md.part ]
kill -TERM $process
wait $process
[ $? -eq 1 ] && [ ! -e stopped-page/studies.md.part ] && [ ! -e stopped-page/studies.md ] && grep -q 'interrupted' err
result $? 'SIGTERM stops a study and leaves no half page'
echo "1..$count"
