#!/bin/sh
# What stands beside a training: its log, charts, the range test, the clip survey, folds, schedules.
# Usage: test_training.sh PATH-OF-MLP
# Prints TAP.
mlp=$(realpath "$1")
. "$(dirname "$0")/tap.sh"

train() {
    "$mlp" train --data "${data:-digits}" --train-first 320 --hidden 16 --threads 1 "$@" >out 2>err </dev/null
}

# refused OPTIONS WORDS...: wrong usage, and a message with all the words
refused() {
    options=$1
    shift
    # shellcheck disable=SC2086 # split on purpose
    train $options
    code=$?
    for words in "$@"; do
        grep -q -e "$words" err || code=0
    done
    [ $code -eq 2 ] && [ "$(wc -l <err)" -eq 1 ]
    result $? "$options is refused"
}

json() { python3 -c 'import json, sys; json.load(sys.stdin)' <out 2>err; }

# ---- logs: what is repeated after a checkpoint is not there twice; seconds differ
figures() {
    if [ "${1%.jsonl}" != "$1" ]; then sed 's/"seconds":[^,]*,//' "$1"; else cut -d, -f1,2,4- "$1"; fi
}
for log in log.csv log.jsonl; do
    train --validation 0.2 --epochs 3 --log-steps 2 --log "whole-$log" && train --validation 0.2 --epochs 2 --log-steps 2 \
        --checkpoint "ck-$log" --log "parts-$log"
    result $? "--log $log"
    tail -n 1 "parts-$log" | sed 's/10/11/' >>"parts-$log" # a training that was killed had gone on, and was writing
    tail -n 1 "parts-$log" | head -c 9 >>"parts-$log"
    train --validation 0.2 --epochs 3 --log-steps 2 --checkpoint "ck-$log" --resume --log "parts-$log" &&
        figures "whole-$log" >whole && figures "parts-$log" >parts && cmp whole parts 2>err
    result $? '  goes on where the checkpoint stands'
    train --validation 0.2 --epochs 3 --log-steps 2 --checkpoint "new-$log" --resume --log "parts-$log" &&
        figures "parts-$log" >parts && cmp whole parts 2>err
    result $? '  and begins anew where there is none'
done
train --validation 0.2 --epochs 2 --log epochs.csv --history history.csv
cut -d, -f4-7 epochs.csv >whole && cut -d, -f2-5 history.csv >parts && cmp whole parts 2>err
result $? 'an epoch in the log is that of the history'
echo 'name,age' >other.csv
refused '--epochs 1 --checkpoint o --resume --log other.csv' '--log' 'other.csv'
grep -q name,age other.csv
result $? '  and the file is as it was'

# ---- without --epochs: a tenth is held out, few samples are trained on for 600 steps, a schedule goes by 10 epochs
figure() { # figure EXPRESSION: of the JSON result r
    python3 -c 'import json, sys; r = json.load(open("out")); sys.exit(not eval(sys.argv[1]))' "$1" 2>>err
}
awk 'BEGIN { srand(1); print "a,b,c"; for (i = 0; i < 400; i++) { a = rand(); b = rand(); print a "," b "," (a + b + rand() > 1.5) } }' >noisy.csv
"$mlp" train --data noisy.csv --threads 1 --json >out 2>err && figure 'r["validation"]["samples"] == 40 and r["stopped_early"]' &&
    figure 'r["best_epoch"] + 17 == len(r["history"])' && grep -q 'until the loss on 40 samples held out has not improved for 17 epochs' err
result $? 'the length follows a part that is held out'
train --json --validation 0.3 --patience 3 && figure 'r["stopped_early"] and r["best_epoch"] + 3 == len(r["history"])'
result $? '  or the part and the patience that are given'
awk 'BEGIN { print "a,b,c"; for (i = 0; i < 299; i++) print i % 7 "," i % 5 "," (i % 7 > i % 5) }' >few.csv
"$mlp" train --data few.csv --threads 1 --json >out 2>err && figure 'r["validation"] is None and len(r["history"]) == 120' && grep -q '120 epochs, 600 steps' err
result $? '  and is a number of steps where samples are few'
train --json --schedule cosine && figure 'r["validation"] is None and len(r["history"]) == 10'
result $? '  and 10 epochs with a schedule'
train --json --folds 2 --quiet && figure 'all(k["validation"]["samples"] == 160 and k["epochs"] == 200 for k in r["runs"])' && ! grep -q trains err
result $? '  and that of each fold'
awk 'BEGIN { srand(1); print "a,b,price"; for (i = 0; i < 400; i++) { a = rand(); b = rand(); print a "," b "," 500 + 300 * sin(6 * a) * b } }' >price.csv
for rule in adam sgd momentum; do
    "$mlp" train --data price.csv --regression --optimizer $rule --threads 1 --quiet --output price >out 2>err &&
        "$mlp" evaluate price --data price.csv --json >out 2>>err && figure 'r["numbers"][0]["r2"] > 0.8'
    result $? "a number is learnt by $rule"
done

# ---- importance: of a column that decides, of one that says little, and of one that says nothing
(echo a,nothing,kind,price && awk 'BEGIN { srand(3); for (i = 0; i < 400; i++) { a = rand(); k = int(3 * rand())
    print a "," rand() "," substr("redtanblu", 3 * k + 1, 3) "," 100 * a + 20 * (k == 1) } }') >features.csv
"$mlp" train --data features.csv --regression --threads 1 --quiet --output features >out 2>err &&
    "$mlp" importance features --data features.csv --json --repeats 3 >out 2>>err &&
    figure '[f["feature"] for f in r["features"]] == ["a", "kind", "nothing"] and r["score_name"] == "R2" and r["repeats"] == 3' &&
    figure 'r["features"][0]["drop"] > 1 > 0.3 > r["features"][1]["drop"] > 0.05 > abs(r["features"][2]["drop"])'
result $? 'importance ranks the columns'
"$mlp" importance features --data features.csv --threads 1 >single 2>err && "$mlp" importance features --data features.csv --threads 2 >double 2>>err &&
    cmp -s single double && grep -q '^kind  *0\.[0-9]* +- 0\.[0-9]*$' single
result $? '  the same on any number of threads'
"$mlp" importance features --data features.csv --dependence kind --json >out 2>err &&
    figure '[p["value"] for p in r["dependence"]] == ["blu", "red", "tan"] and r["outputs"] == ["price"]' &&
    figure 'abs(r["dependence"][2]["means"][0] - r["dependence"][0]["means"][0] - 20) < 5'
result $? 'partial dependence on a text'
cut -d, -f1-3 features.csv >unlabelled.csv
"$mlp" importance features --data unlabelled.csv --dependence 0 --json >out 2>err &&
    figure 'len(r["dependence"]) == 20 and abs(r["dependence"][19]["means"][0] - r["dependence"][0]["means"][0] - 100) < 15'
result $? '  and on a number, without labels'
python3 -c 'import datetime, math
print("day,z,y")
for i in range(300):
    day = datetime.date(2001, 1, 1) + datetime.timedelta(i)
    print(f"{day},{i * 7 % 11},{i / 10 + 5 * (day.weekday() == 5):.2f}" if i != 50 else f",3,5")' >days.csv
"$mlp" train --data days.csv --dates --missing impute --regression --threads 1 --quiet --output days >out 2>err &&
    "$mlp" importance days --data days.csv --dependence day --json >out 2>err &&
    figure '[p["value"] for p in r["dependence"]][::19] == ["2001-01-01", "2001-10-27"] and len(r["dependence"]) == 20' &&
    figure 'abs(r["dependence"][19]["means"][0] - r["dependence"][0]["means"][0] - 30) < 8'
result $? '  and on a date'
"$mlp" importance features --data features.csv --dependence b >out 2>err
[ $? -eq 2 ] && grep -q -e "--dependence: the model has no feature 'b'" err
result $? '  a feature that is not there'
if command -v gnuplot >/dev/null; then
    "$mlp" importance features --data features.csv --dependence kind --plot kind.svg >out 2>err && grep -q 'Partial dependence' kind.svg
    result $? '  a picture of it'
fi

# ---- results that need telling, and those that do not
"$mlp" train --data price.csv --regression --output price >out 2>err && ! grep -q -e above -e falls err
result $? 'a good result is told without warnings'
train --epochs 2 && grep -q 'the loss still falls' err
result $? 'a loss that still falls is told'
awk 'BEGIN { srand(2); print "a,b,price"; for (i = 0; i < 200; i++) print rand() "," rand() "," rand() }' >noise.csv
"$mlp" train --data noise.csv --regression --epochs 300 --learning-rate 0.01 --validation 0.3 --output noise >out 2>err &&
    grep -q 'validation: price: an RMSE of .* is above that of always saying the mean' err
result $? 'an error above that of the mean is told'
awk 'BEGIN { print "a,b,c"; for (i = 0; i < 50; i++) print i % 7 ".5," i % 5 "," (i < 40 ? "no" : "yes") }' >classes.csv
"$mlp" train --data classes.csv --epochs 20 --validation-last 10 --output classes >out 2>err &&
    grep -q "1 of the classes to validate on, first 'yes', are not trained on" err &&
    grep -q "validation: an accuracy of 0.0000 is below that of always saying 'yes', 1.0000" err
result $? 'so are classes that are not trained on, and an accuracy below that of the commonest'
"$mlp" evaluate classes --data classes.csv >out 2>err && ! grep -q -e below -e deviations err
result $? '  but not where it is as good'
(echo a,b,c && awk 'BEGIN { for (i = 0; i < 50; i++) print i % 7 * 1e6 "," i % 5 "," (i < 10 ? "no" : "yes") }') >far.csv
for command in evaluate diagnose; do
    "$mlp" $command classes --data far.csv >out 2>err && grep -q "always saying 'yes', 0.8000" err &&
        grep -q "'a' lies up to .*e+0[0-9] deviations" err
    result $? "mlp $command tells of both, and of features in other units"
done

# ---- charts
if command -v gnuplot >/dev/null; then
    for ending in svg png; do
        "$mlp" plot whole-log.csv whole-log.jsonl --output "chart.$ending" >out 2>err && [ -s "chart.$ending" ] && [ ! -s out ] &&
            [ ! -s err ]
        result $? "mlp plot to $ending"
    done
    grep -q 'whole-log.csv training' chart.svg && grep -q 'gradient norm' chart.svg
    result $? '  with names and titles'
    "$mlp" plot whole-log.csv >out 2>err && grep -q '^constant: learning rate' out && [ ! -s err ] && [ "$(wc -L <out)" -le 79 ]
    result $? 'mlp plot in the terminal, also of what does not change'
    # epochs on the axis, the best one marked, what is constant in a line of its own, the axis cut above the others
    printf 'step,epoch,loss,validation_loss,learning_rate\n5,1,2,2,0.1\n10,2,1,1.5,0.1\n15,3,0.5,1.8,0.1\n' >plain.csv
    printf 'step,epoch,loss\n5,1,900\n10,2,800\n15,3,700\n' >high.csv
    "$mlp" plot plain.csv --output chart.svg --data apples 2>err && grep -q '>training: on apples<' chart.svg &&
        grep -q '>constant: learning rate 0.1<' chart.svg && grep -q '>best: epoch 2<' chart.svg && grep -q '>epoch<' chart.svg &&
        [ "$(grep -c '>loss<\|>learning rate<' chart.svg)" -eq 1 ]
    result $? '  the best epoch is marked, what does not change is named'
    # each row of panels reaches from side to side, the last one to the bottom
    fills() {
        python3 - "$@" <<'P'
import re, sys
svg, panels = open(sys.argv[1]).read(), int(sys.argv[2])
width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
frames = set(re.findall(r"d='M([0-9.]+),([0-9.]+) L\1,([0-9.]+) L([0-9.]+),\3 L\4,\2 L\1,\2 Z", svg))
rows = {}
for left, top, bottom, right in (map(float, frame) for frame in frames):
    rows.setdefault(top, []).append((left, right, bottom))
assert len(frames) == panels, frames
for row in rows.values():
    assert min(f[0] for f in row) < 0.1 * width and max(f[1] for f in row) > 0.9 * width, rows
assert max(f[2] for row in rows.values() for f in row) > 0.75 * height, rows
P
    }
    awk 'BEGIN { print "step,epoch,loss,accuracy,gradient_norm,learning_rate"
        for (i = 1; i <= 100; i++) printf "%d,%d,%.4f,%.4f,%d,%g\n", i, i, i < 4 ? 4 - i : 1 - i / 1000, i * i / 10000, 5 + i % 7, 10 ^ (-i / 25) }' >wide.csv
    for panels in 1 2 3 4; do
        cut -d, -f "1-$((panels + 2))" wide.csv >panels.csv
        "$mlp" plot panels.csv --output chart.svg 2>err && fills chart.svg $panels 2>out
        result $? "  $panels panels fill the sheet"
    done
    # numbers IMAGE: those at the axes, sorted
    numbers() { sed -n 's|.*<text>\([-0-9.e]*\)</text>.*|\1|p' "$1" | sort -u | tr '\n' ' '; }
    numbers chart.svg >out && grep -q ' 10 100 ' out && grep -q '0\.001 0\.01 0\.1 ' out && ! grep -q ' 40 ' out && grep -q ' 0\.6 ' out
    result $? '  time is logarithmic where the loss falls early, a rate where it ranges widely, accuracy never'
    "$mlp" plot panels.csv --linear-scale --output chart.svg 2>err && numbers chart.svg >out && grep -q ' 40 ' out && ! grep -q '0\.001 ' out
    result $? '  and nothing with --linear-scale'
    "$mlp" plot plain.csv high.csv --linear-scale --output chart.svg 2>err && grep -q '>high.csv training (up to 9e+02)<' chart.svg
    result $? '  a curve that dwarfs the others is cut'
    # no text on a curve, and the key apart from the axis' name: one log falls steeply beside another
    awk -v OFS=, 'BEGIN { print "step,epoch,loss,validation_loss"; for (i = 1; i < 61; i++) print i, i, 2.5 * exp(-i / 6), 0.1 + 2 * exp(-i / 4) }' >slow.csv
    awk -v OFS=, 'BEGIN { print "step,epoch,loss,validation_loss"; for (i = 1; i < 11; i++) print i, i, 2.5 * exp(-i / 2), 0.3 + 2 * exp(-i / 3) }' >steep.csv
    "$mlp" plot slow.csv steep.csv --output chart.svg 2>err && python3 - >out 2>&1 <<'P'
import re
svg = open("chart.svg").read()
texts = {t: (float(x), float(y), a) for x, y, a, t in re.findall(r'translate\(([0-9.]+),([0-9.]+)\)"[^>]*text-anchor="(\w+)">\s*<text>([^<]*)<', svg)}
paths = re.findall(r"<path stroke='rgb\([^)]*\)'(?! class)[^>]*d='([^']*)'", svg)
curves = [[tuple(map(float, p.split(","))) for p in re.findall(r"[0-9.]+,[0-9.]+", line)] for d in paths for line in d.split("M")]
assert len(curves) >= 4
marks = [text for text in texts if text.startswith("epoch ")]
assert len(marks) == 2
for text in marks:
    x, y, anchor = texts[text]
    left = x - (8 * len(text) if anchor == "end" else 0)
    for curve in curves:
        for (a, b), (c, d) in zip(curve, curve[1:]):
            for k in range(65):
                h, v = a + (c - a) * k / 64, b + (d - b) * k / 64
                assert not (left < h < left + 8 * len(text) and y - 12 < v < y), (text, h, v)
assert texts["slow.csv training"][1] >= texts["epoch"][1] + 20, texts
P
    result $? '  text covers neither curves nor text'
    # a page about a training: everything in one file, its figures whole, nothing from a network, names escaped
    mkdir run && cp plain.csv run/ && printf 'a,<b>&,class\n0,1,<i>x</i>\n1,0,y\n0,2,<i>x</i>\n2,0,y\n1,3,<i>x</i>\n3,1,y\n' >classes.csv
    "$mlp" train --data classes.csv --hidden 4 --epochs 3 --output run/model.safetensors --quiet >out 2>err
    "$mlp" report run --data classes.csv --output page.html >out 2>err && [ ! -s out ] && [ ! -e page.html.part ] &&
        [ "$(grep -c '^<svg' page.html)" -eq "$(grep -c '^</svg>' page.html)" ] && [ "$(grep -c '^</svg>' page.html)" -eq 7 ] &&
        grep -q '<h2>Diagnosis</h2>' page.html && grep -q '<td>feature</td><td>numeric</td>' page.html &&
        grep -q '&lt;i&gt;x' page.html && ! grep -q '<i>x' page.html && ! grep -Eq '(src|href)="[a-z]*:?//' page.html
    result $? 'mlp report of a folder'
    grep -q '<td>&lt;b&gt;&amp;</td><td>feature</td>' page.html && ! grep -q '<b>' page.html
    result $? '  names are escaped'
    for section in Training Evaluation Diagnosis Network Columns; do grep -q "<h2>$section" page.html || echo "no $section"; done >out
    for chart in loss Confusion ROC Reliability Signal Gradient 'Units and samples'; do grep -q ">$chart" page.html || echo "no $chart"; done >>out
    [ ! -s out ]
    result $? '  every section and chart is there'
    "$mlp" diagnose run/model.safetensors --data classes.csv --json >out 2>err &&
        python3 -c 'import html, json, sys; v = json.load(open("out"))["verdict"].split("\n")[0]; sys.exit("<p>%s</p>" % html.escape(v, False) not in open("page.html").read())'
    result $? '  with the verdict of mlp diagnose'
    train --epochs 1 --output digits.st && "$mlp" report digits.st --data digits --output digits.html 2>err && grep -q '>ROC, the 6 of 10 classes with the least area<' digits.html &&
        grep -q '<td>pixel_0_0 … pixel_7_7</td><td>feature</td><td>numeric</td><td>0</td><td>64</td>' digits.html &&
        grep -q '<td>∞</td>' digits.html && ! grep -q '<td>inf</td>' digits.html
    result $? '  of many classes and columns'
    # text and page differ as WCAG asks for (7:1 for text, 4.5:1 for what is soft), by day and by night
    python3 - >out 2>&1 <<'P'
import re
style = re.search(r"<style>(.*)</style>", open("page.html").read(), re.S).group(1)
def luminance(colour):
    digits = colour if len(colour) == 6 else "".join(2 * d for d in colour)
    parts = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    return sum(w * (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4) for w, p in zip((0.2126, 0.7152, 0.0722), parts))
# charts are drawn black on nothing
assert "figure svg{filter:invert(1)" in style.split("prefers-color-scheme:dark", 1)[1].split("}}")[0] + "}}"
light, dark = (dict((n, luminance(c)) for n, c in re.findall(r"--(\w+):#([0-9a-f]+)", part)) for part in style.split("prefers-color-scheme:dark", 1))
for colours, sign in (light, -1), (dark, 1):
    for name, least in ("text", 7), ("soft", 4.5):
        for ground in "page", "band":
            bright, dim = sorted((colours[name], colours[ground]), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= least and sign * (colours[name] - colours[ground]) > 0, (name, ground)
P
    result $? '  dark on light by day, light on dark by night'
    "$mlp" report plain.csv --output page.html 2>err && ! grep -q '<h2>Network' page.html && grep -q '>best: epoch 2<' page.html
    result $? '  of a log'
    cp plain.csv kept.csv
    "$mlp" report kept.csv --output ./kept.csv >out 2>err
    [ $? -eq 2 ] && cmp -s plain.csv kept.csv
    result $? '  does not write over what it reads'
    "$mlp" report run --output no/such/page.html >out 2>err
    [ $? -eq 1 ] && grep -q -e '--output' err
    result $? '  a page that cannot be written'
    mkdir empty
    "$mlp" report empty --output page.html >out 2>err
    [ $? -eq 1 ] && grep -q "neither a model" err && "$mlp" report plain.csv kept.csv run/model.safetensors run/model.safetensors --output p.html 2>err
    [ $? -eq 2 ]
    result $? '  of nothing, of two models'
    mkdir one two && cp whole-log.csv one/log.csv && cp whole-log.csv two/log.csv
    "$mlp" plot one/log.csv two/log.csv --output chart.svg >out 2>err && grep -q 'one/log.csv validation' chart.svg
    result $? '  logs of one name are told apart by their folders'
    long=$(printf 'x%.0s' $(seq 100)).csv
    cp whole-log.csv "$long"
    "$mlp" plot "$long" one/log.csv --output chart.svg >out 2>err && grep -q 'xxx\.\.\.xxx' chart.svg &&
        ! grep -q "$long" chart.svg
    result $? '  long names are cut'
    (cat whole-log.csv && printf '40,9,0.1') >cut.csv
    "$mlp" plot cut.csv >out 2>err
    result $? '  half a last line does no harm'
    (head -n 1 whole-log.csv && echo '5,1,0.1,nan,0.5,,,0.1,inf,1,0,0') >nan.csv
    "$mlp" plot nan.csv >out 2>err && grep -q accuracy out && ! grep -q gradient out
    result $? '  what is no number is left out'
    "$mlp" plot whole-log.csv --output no/such/chart.png >out 2>err
    [ $? -eq 1 ] && [ ! -s out ] && grep -q -e '--output: .*no/such' err
    result $? '  a file that cannot be written'
    train --find-learning-rate --plot rate.svg && grep -q '>suggestion [0-9.]*<' rate.svg && grep -q 'suggestion *--learning-rate' out
    result $? '--find-learning-rate'
    train --find-learning-rate --plot no/such/rate.svg
    [ $? -eq 1 ] && [ ! -s out ] && grep -q -e '--plot' err
    result $? '  a chart that cannot be written'
fi
for log in /dev/null other.csv missing.csv; do
    "$mlp" plot $log >out 2>err
    [ $? -eq 1 ] && grep -q "$log" err
    result $? "mlp plot $log is refused"
done

# ---- JSON
for mode in --find-learning-rate --clip-survey '--folds 3 --stratified --epochs 1' \
    '--epochs 1 --validation 0.2 --monitor-interval 3'; do
    # shellcheck disable=SC2086 # split on purpose
    train $mode --json --quiet && json && [ ! -s err ]
    result $? "$mode --json"
done
train --clip-survey && grep -q -e '--clip global-norm:' out
result $? '--clip-survey proposes a threshold'
train --folds 4 --epochs 2 && [ "$(grep -c '^fold' out)" -eq 4 ] && grep -q '^mean .* 4 runs' out
result $? '--folds tells each fold and the mean'

# ---- what does not go together
for mode in --find-learning-rate --clip-survey '--folds 3' '--repeat 3'; do
    for other in '--output m' '--history h' '--log l' '--checkpoint c' '--monitor-history m' '--test digits'; do
        case $mode$other in
        *[0-9]--test*) ;;
        *) refused "$mode $other" "${mode% *}: cannot be given with ${other% *}" ;;
        esac
    done
done
refused '--find-learning-rate --optimizer lbfgs' '--find-learning-rate: lbfgs'
refused '--clip-survey --optimizer lbfgs' '--clip-survey: lbfgs'
printf 'a,b,y\n1,2,3\n2,3,4\n3,4,6\n4,5,7\n' >numbers.csv
data=numbers.csv
refused '--regression --folds 2 --stratified' '--stratified: needs classes'
refused '--regression --validation 0.5 --stratified' '--stratified: needs classes'
data=digits
refused '--folds 3 --find-learning-rate' '--folds: cannot be given with --find-learning-rate'
refused '--folds 3 --validation 0.5' '--folds: cannot be given with --validation'
refused '--folds 321' '--folds: .* 320, got 321'
refused '--schedule cosine:period=3' '--schedule: .*cosine takes no period'
refused '--schedule step:factor=0' '--schedule: factor' "got '0'"
refused '--schedule one-cycle:share=1' '--schedule: .*share is 1'
refused '--schedule one-cycle --warmup 3' '--schedule: .*warmup is 3'
refused '--schedule multi-step' '--schedule: .*milestones'

# ---- every schedule and every kind of dropout by name
for schedule in $("$mlp" train --help | awk '/^Schedules:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ { print $1 }'); do
    [ "$schedule" = multi-step ] && schedule=multi-step:milestones=3+6
    train --epochs 2 --schedule "$schedule" --quiet
    result $? "--schedule $schedule"
done
for kind in automatic inverted alpha; do
    train --epochs 1 --dropout 0.3 --dropout-kind $kind --activation selu --quiet
    result $? "--dropout-kind $kind"
done
# ---- the log of a training that was killed at the end of an epoch, and one that is a pipe
ends='--batch 64 --epochs 3 --checkpoint ends --checkpoint-steps 5 --log ends.csv --quiet'
train $ends && cp ends.csv whole.csv && rm ends/checkpoint-*15.safetensors && train $ends --resume
result $? 'a training goes on from the end of an epoch'
for log in whole ends; do
    cut -d , -f 1,2,4- "$log.csv" >"$log.cut" # without the seconds
done
[ "$(wc -l <ends.cut)" -eq 4 ] && cmp whole.cut ends.cut >>err
result $? '  and its log is that of one in one go'
mkfifo pipe
(cat pipe >from-pipe &)
timeout 60 "$mlp" train --data digits --train-first 320 --hidden 16 --threads 1 --epochs 2 --checkpoint piped --resume --log pipe \
    >out 2>err </dev/null
[ $? -eq 0 ] && sleep 0.2 && [ "$(wc -l <from-pipe)" -eq 3 ]
result $? 'a log may be a pipe, with --resume, too'
# ---- GNU's OpenMP tells how long its threads spin, each time a program begins
if OMP_DISPLAY_ENV=verbose "$mlp" --version 2>&1 | grep -q GOMP_SPINCOUNT; then
    spins() { env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT OMP_DISPLAY_ENV=verbose "$@" 2>&1 | sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'/\1/p" | tail -n 1; }
    [ "$(spins "$mlp" train --help)" = 2000 ] && [ "$(spins env GOMP_SPINCOUNT=70 "$mlp" train --help)" = 70 ] &&
        [ "$(spins "$mlp" --version)" -gt 2000 ]
    result $? 'threads of a training spin briefly, where the environment does not say how long'
fi

# ---- what a reduction is, the help says: what is measured below
"$mlp" train --help | sed -n '/^ *--reduction /,/^ *--label-smoothing/p' | tr -s ' \n' ' ' >out
grep -q 'mean (over samples, and for losses of single units over the units, too' out && grep -q 'sum, or sample-mean (over samples, summed over the units' out
result $? '--help explains each reduction'

# ---- classes under tanh are -1 and 1, and mlp diagnose measures the gradients of what would be trained
python3 - <<'PYTHON'
import random
random.seed(5)
with open('two.csv', 'w') as f:
    f.write('a,b,w,y\n')
    for _ in range(40):
        a, b = random.gauss(0, 1), random.gauss(0, 1)
        f.write(f'{a:.4f},{b:.4f},{random.uniform(0, 2):.3f},{"pq"[a + 0.5 * b > 0.3]}\n')
PYTHON
cat >reference.py <<'PYTHON'
"""The loss and its gradients of one layer under tanh, in double, by the formulas: reference.py MODEL REDUCTION FIRST"""
import csv, json, math, struct, sys

def tensors(path):
    whole = open(path, 'rb').read()
    start = 8 + struct.unpack('<Q', whole[:8])[0]
    found = {}
    for name, entry in json.loads(whole[8:start]).items():
        if name != '__metadata__':
            first, end = entry['data_offsets']
            found[name] = struct.unpack(f'<{(end - first) // 4}f', whole[start + first:start + end])
    return json.loads(whole[8:start])['__metadata__'], found

metadata, parameters = tensors(sys.argv[1])
reduction, first = sys.argv[2], int(sys.argv[3])
W, bias = parameters['layers.0.weight'], parameters['layers.0.bias']
units, dW, db, loss, mass = len(bias), [0.0] * len(W), [0.0] * len(bias), 0.0, 0.0
rows = list(csv.DictReader(open('two.csv')))[:first]
right = 0
for row in rows:
    x, s, y = [float(row['a']), float(row['b'])], float(row['w']), row['y'] == 'q'
    mass += s
    a = [math.tanh(sum(w * v for w, v in zip(W[2 * u:2 * u + 2], x)) + bias[u]) for u in range(units)]
    right += (a[0] > 0 if units == 1 else a[1] > a[0]) == y
    for u in range(units):
        t = 1.0 if (units == 1 and y) or (units == 2 and u == y) else -1.0
        loss += s * (a[u] - t) ** 2
        delta = s * 2.0 * (a[u] - t) * (1.0 - a[u] ** 2)
        db[u] += delta
        for i in range(2):
            dW[2 * u + i] += delta * x[i]
scale = {'sum': 1.0, 'sample-mean': 1.0 / mass, 'mean': 1.0 / (mass * units)}[reduction]
norm = lambda values: scale * math.sqrt(sum(v * v for v in values))
result = json.load(open('out'))
close = lambda got, expected: abs(got - expected) <= 2e-5 * abs(expected)
if 'layers' in result:
    layer = result['layers'][0]
    assert result['samples'] == first and close(layer['weight_gradient_norm'], norm(dW)), (layer['weight_gradient_norm'], norm(dW))
    assert close(layer['bias_gradient_norm'], norm(db)), (layer['bias_gradient_norm'], norm(db))
else:
    assert metadata['class_targets'] == 'bipolar' and metadata['format_version'] == '3'
    assert abs(result['accuracy'] - right / first) < 1e-9, (result['accuracy'], right / first)
assert close(result['loss'], scale * loss), (result['loss'], scale * loss)
PYTHON
head -n 9 two.csv | sed '2,$s/^\([^,]*,[^,]*\),[^,]*/\1,0/' >none.csv
for part in validation-data test; do
    "$mlp" train --data two.csv --weight-column w --epochs 1 --threads 1 --$part none.csv >out 2>err
    [ $? -eq 1 ] && grep -q "^mlp: --weight-column w: all samples of the ${part%%-*} part, 8, have a weight of 0" err && ! grep -q mlp_ err
    result $? "--$part of samples without weight"
done
for units in 1 2; do
    for reduction in mean sum sample-mean; do
        how="--data two.csv --weight-column w --hidden none --output-activation tanh --output-units $units --reduction $reduction"
        # shellcheck disable=SC2086 # split on purpose
        "$mlp" train $how --epochs 0 --no-standardize --seed 3 --threads 1 --quiet --output start >out 2>err &&
            "$mlp" diagnose $how --no-standardize --seed 3 --first 7 --json >out 2>err && python3 reference.py start $reduction 7 2>>err
        result $? "diagnose: norms of the gradients, $units units, reduction $reduction"
        # shellcheck disable=SC2086 # split on purpose
        "$mlp" train $how --epochs 20 --no-standardize --threads 1 --quiet --output trained >out 2>err &&
            "$mlp" evaluate trained --data two.csv --json >out 2>err &&
            python3 reference.py trained $reduction 40 2>>err
        result $? '  evaluate: targets are -1 and 1, and the class is told at 0'
    done
done
"$mlp" diagnose --data two.csv --hidden 3 --first 5 >out 2>err && grep -q '^layer  *||dW||  *||db||' out && [ "$(sed 's/[^ -~][^ -~]*/x/g' out | awk 'length > 80' | wc -l)" -eq 0 ]
result $? 'diagnose prints the norms of the gradients'
"$mlp" diagnose --data two.csv --first 5 --samples 5 >out 2>err
[ $? -eq 2 ] && grep -q -e '--first: cannot be given with --samples' err
result $? '  of the first samples, or of drawn ones'
"$mlp" diagnose trained --data two.csv --loss huber >out 2>err
[ $? -eq 2 ] && grep -q -e "--loss: cannot be given with 'trained'" err
result $? '  and refuses what a model has of its own'
"$mlp" predict trained --data two.csv --probabilities >out 2>err && [ "$(awk -F, 'NR > 1 && ($2 < 0 || $2 > 1 || $3 < 0 || $3 > 1)' out | wc -l)" -eq 0 ] &&
    "$mlp" inspect trained | grep -q 'loss .*squared-error, classes are 1 and -1'
result $? '  probabilities are half of 1 and the output'
echo "1..$count"
