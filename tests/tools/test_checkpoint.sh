#!/bin/sh
# Checkpoints from outside: killed at any moment, stopped, on a full disk, with other settings.
# Usage: test_checkpoint.sh PATH-OF-MLP; MLP_TEST_KILLS says how often it is begun to be killed (200)
# Prints TAP.
mlp=$(realpath "$1")
kills=${MLP_TEST_KILLS:-200}
. "$(dirname "$0")/tap.sh"
mounted=
trap '[ -n "$mounted" ] && umount "$mounted"; rm -rf "$folder"' EXIT

options='--data digits --train-first 320 --validation 0.3 --batch 32 --optimizer nadam --clip global-norm:1
    --patience 12 --threads 1 --output model'
twelve='--epochs 12 --schedule cosine'
train() {
    "$mlp" train $options "$@" >out 2>err </dev/null
}

# ---- killed at random moments, from before the first step to beyond the last
# Each run is killed at a random moment of a span, which grows by an eighth where it was killed and is halved where it
# came to its end before: so both happen however fast the machine is, and however busy.
begin=$(date +%s%N)
train $twelve --checkpoint whole --checkpoint-steps 1 && mv model expected
result $? 'a training in one go'
span=$((($(date +%s%N) - begin) / 1000000)) # ms
killed=0 finished=0 wrong=0
while [ $((killed + finished)) -lt "$kills" ] && [ $wrong -eq 0 ]; do
    moment=$((1 + span * ($(od -An -N1 -tu1 /dev/urandom) + 1) / 256))
    timeout -s KILL "$((moment / 1000)).$(printf %03d $((moment % 1000)))" "$mlp" train $options $twelve --checkpoint killed \
        --checkpoint-steps 1 --resume >out 2>err </dev/null
    code=$?
    if [ $code -eq 137 ]; then
        killed=$((killed + 1))
        span=$((span + span / 8 + 1))
    elif [ $code -eq 0 ] && cmp -s model expected; then
        finished=$((finished + 1))
        span=$((span / 2 + 1))
        rm -rf killed model
    else
        wrong=1
    fi
done 2>/dev/null # the shell tells of each kill
[ $wrong -eq 0 ] && train $twelve --checkpoint killed --checkpoint-steps 1 --resume && cmp -s model expected
result $? "killed $killed times, resumed to the same bits $((finished + 1)) times"
[ $killed -gt 0 ] && [ $finished -gt 0 ] && [ "$(find killed -name '*.safetensors.*' | wc -l)" -eq 0 ]
result $? '  and nothing half-written is left'

# ---- Ctrl-C
begin train --data digits --epochs 1000000 --checkpoint stopped --output model
wait_until has_trained
kill -INT $process
wait $process
[ $? -eq 1 ] && grep -q "'stopped/checkpoint-[0-9]*.safetensors'; the same command with --resume goes on" err
result $? 'SIGINT writes a checkpoint and says how to go on'
train $twelve --checkpoint stopped
[ $? -eq 2 ] && grep -q 'holds checkpoints already' err
result $? 'without --resume a folder that holds checkpoints is refused'
train $twelve --checkpoint stopped --resume
[ $? -eq 2 ] && grep -q 'was made with .* this fit has' err
result $? 'a checkpoint of other settings is refused by the first difference'
train $twelve --resume
[ $? -eq 2 ] && grep -q -e '--resume: needs --checkpoint' err
result $? '--resume needs a folder'
train $twelve --checkpoint other --checkpoint-failure pray
[ $? -eq 2 ] && grep -q 'continue, stop' err
result $? 'an unknown policy is refused'
"$mlp" train --data digits --epochs 3 --checkpoint longer --output model --quiet >out 2>err &&
    "$mlp" train --data digits --epochs 5 --checkpoint longer --resume --output model >out 2>err &&
    grep -q 'goes on after step 87, in epoch 4' err &&
    "$mlp" train --data digits --epochs 5 --output expected --quiet >out 2>err && cmp -s model expected
result $? 'more epochs go on from where the training ended'
"$mlp" evaluate longer/checkpoint-000000000145.safetensors --data digits >out 2>err
result $? 'a checkpoint is a model'


# ---- other data, another machine, damage, and folders that are none
MLP_VECTOR_LEVEL=baseline "$mlp" train $options --schedule cosine --epochs 2 --checkpoint moved --checkpoint-steps 3 >out 2>err </dev/null
MLP_VECTOR_LEVEL=baseline "$mlp" train $options --schedule cosine --epochs 3 --checkpoint moved --seed 1 --resume >out 2>err </dev/null
[ $? -eq 2 ] && grep -q 'was made with' err
result $? 'a checkpoint of another seed is refused'
sed '7s/5/6/' "$(dirname "$mlp")/digits.csv" >other.csv
"$mlp" train --data "$(dirname "$mlp")/digits.csv" --epochs 1 --no-standardize --checkpoint read --quiet >out 2>err &&
    "$mlp" train --data other.csv --epochs 2 --no-standardize --checkpoint read --resume >out 2>err
[ $? -eq 2 ] && grep -q 'training_data.fingerprint' err
result $? 'a checkpoint of other data is refused'
if "$mlp" info | grep -q '^vector level *avx'; then
    train --epochs 1 --schedule constant --checkpoint level &&
        MLP_VECTOR_LEVEL=baseline "$mlp" train $options --epochs 2 --schedule constant --checkpoint level --resume \
            >out 2>err </dev/null && grep -q 'vector_level "avx[0-9]*", this fit has "baseline": the last bits' err
    result $? 'a checkpoint of another vector level leads to a warning'
fi
newest=$(find moved -name 'checkpoint-*' | sort | tail -n 1)
head -c 5000 "$newest" >cut && mv cut "$newest"
MLP_VECTOR_LEVEL=baseline "$mlp" train $options --schedule cosine --epochs 2 --checkpoint moved --resume >out 2>err </dev/null &&
    grep -q "$newest.*goes on from the checkpoint before it" err
result $? 'a damaged checkpoint gives way to the one before it, with a warning'
touch file
train $twelve --checkpoint file
[ $? -eq 1 ] && grep -q 'file: cannot open the folder: Not a directory' err
result $? 'a file in the place of the folder is refused'

# ---- a full disk
mkdir full
if mount -t tmpfs -o size=512k tmpfs full 2>err; then
    mounted=$folder/full
    "$mlp" train --data digits --hidden 200 --epochs 1 --checkpoint full/here --output model --quiet >out 2>err
    cp full/here/checkpoint-*29.safetensors before
    head -c 1m /dev/zero >full/filler 2>/dev/null
    "$mlp" train --data digits --hidden 200 --epochs 3 --checkpoint full/here --checkpoint-steps 10 --resume --output model \
        >out 2>err
    [ $? -eq 0 ] && grep -q 'checkpoint not written: .*No space left' err
    result $? 'a full disk: the training goes on with a warning'
    "$mlp" train --data digits --hidden 200 --epochs 3 --checkpoint full/here --checkpoint-failure stop --resume --output model \
        >out 2>err
    [ $? -eq 1 ] && grep -q 'No space left' err && grep -q "the model reached so far is saved in 'model'" err &&
        "$mlp" evaluate model --data digits >out 2>>err
    result $? '  or stops, where that was asked for'
    cmp -s before full/here/checkpoint-*29.safetensors && [ "$(find full/here -type f | wc -l)" -eq 1 ]
    result $? '  and the checkpoint before is as it was'
    rm full/filler
    "$mlp" train --data digits --hidden 200 --epochs 3 --checkpoint full/here --resume --output model >out 2>err
    result $? '  with room again, the training goes on from it'
    mount -o remount,ro full && "$mlp" train --data digits --hidden 200 --epochs 4 --checkpoint full/here --resume >out 2>err
    [ $? -eq 1 ] && grep -q 'full/here: cannot write to the folder: Read-only' err
    result $? 'a folder that cannot be written to is refused at the start'
else
    skipped 'a full disk' 'no tmpfs may be mounted here'
fi
echo "1..$count"
