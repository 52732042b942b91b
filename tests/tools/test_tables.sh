#!/bin/sh
# Tables at the shell: how a file is read and what is said of it, predictions beside their rows, messages.
# Usage: test_tables.sh PATH-OF-MLP
# Prints TAP.
mlp=$(realpath "$1")
. "$(dirname "$0")/tap.sh"

train() {
    "$mlp" train --hidden 4 --epochs 2 --threads 1 "$@" >out 2>err
}

# understood TEXT OPTION...: reads the table from standard input, and says TEXT
understood() {
    text=$1
    shift
    cat >table
    train --data table "$@" && grep -q -e "$text" err
    result $? "understood: $text"
}

# refused CODE TEXT OPTION...: the exit code, and what the message has; no names of C
refused() {
    code=$1 text=$2
    shift 2
    cat >table
    train --data table "$@"
    [ $? -eq "$code" ] && grep -q -e "^mlp: .*$text" err && ! grep -q 'mlp_[a-z]\|_limit\|_index\|_count' err
    result $? "refused: $text"
}

# ---- predictions
cat >people.csv <<'END'
nr,age,"job, now",hours,married,income
a1,39,clerk,40,yes,low
a2,50,manager,,no,high
a3,38,?,45,yes,low
a4,62,"boss, ""big""",60,yes,high
END
train --data people.csv --label income --id nr --missing impute --output model
result $? 'a table with ids and missing values'
"$mlp" predict model --data people.csv >out 2>err && [ "$(sed 's/,.*//' out | tr '\n' ' ')" = 'nr a1 a2 a3 a4 ' ] &&
    [ "$(head -n 1 out)" = 'nr,label' ]
result $? 'predictions beside their ids'
"$mlp" predict model --data people.csv --probabilities --output probabilities 2>err >out &&
    [ "$(head -n 1 probabilities)" = 'nr,label,high,low' ] && [ ! -s out ] && [ "$(wc -l <probabilities)" -eq 5 ]
result $? 'probabilities into a file'
sed 's/,[^,]*$/,whatever/' people.csv | "$mlp" predict model --data - --append --label income --output - >out 2>err
cut -d, -f 1-7 out >kept
[ $? -eq 0 ] && [ "$(head -n 1 out)" = 'nr,age,"job, now",hours,married,whatever,predicted income' ] &&
    grep -q '^a4,62,"boss, ""big""",60,yes,whatever,' out && grep -q '^a2,50,manager,,no,whatever,' out && grep -q 'standard input: 4 samples' err
result $? '--append repeats the columns, whatever the label holds'
"$mlp" predict model --data people.csv --json >out 2>err && grep -q '"id":"a3"' out
result $? 'ids in JSON'
"$mlp" predict model --data people.csv --output ./people.csv >out 2>err
[ $? -eq 2 ] && grep -q "is the same file as 'people.csv' of --data" err
result $? 'predictions are not written over the data'
printf 'x,y,a,b\n1,2,0,1\n2,1,1,1\n3,3,0,0\n4,1,1,0\n' >flags.csv
train --data flags.csv --label a,b --output flags &&
    "$mlp" predict flags --data flags.csv >out 2>err && ! grep -qv '^[01],[01]$' out &&
    "$mlp" predict flags --data flags.csv --probabilities >out 2>err && [ "$(head -n 1 out)" = 'a,b,probability of a,probability of b' ]
result $? 'flags are 0 or 1, their probabilities on request'
"$mlp" evaluate flags --data flags.csv --json >json 2>err && "$mlp" evaluate flags --data flags.csv >out 2>err &&
    grep -q '^mean of the labels' out && grep -q '^all labels right' out && grep -q '"label": "b"' json && ! grep -q RMSE out
result $? 'figures of each flag'
"$mlp" predict flags --data flags.csv >out 2>err
rate=$(tail -n 4 flags.csv | cut -d, -f 3,4 | paste -d' ' out - | awk '$1 == $2 { n++ } END { printf "%.4f", n / 4 }')
"$mlp" evaluate flags --data flags.csv 2>err | grep -q "all labels right  $rate of"
result $? '  as counted from the predictions'
"$mlp" predict model --data digits --append >out 2>err
[ $? -ne 0 ] && ! grep -q . out
result $? 'other data than the table is refused'

# ---- how a file is read
understood "2 samples; 2 numeric features; label 'k' (column 3), 2 classes; header; delimiter ';'; decimal comma" <<'END'
a;b;k
1,5;2;u
2,5;3;v
END
understood '3 samples; 2 numeric features; label in column 3, 2 classes; no header' --missing drop <<'END'
5,1,x
7,8,y
?,2,x
1,2,x
END
understood "label '0' (column 2), 2 classes; header" --label 0 --header yes <<'END'
1,0,y
5,6,1
7,8,0
END
understood "3 samples; 2 numeric features; label '2' (column 3), 2 classes; header" <<'END'
0,1,2
5,6,x
7,8,y
7,9,y
END
understood "2 samples; 2 numeric features; label 'y' (column 3), 2 classes; header; delimiter blanks" <<'END'
# of no account
a  b y
1   2 u
3 4    v
END
understood "2 samples; 2 numeric features; label 'y' (column 3), 2 classes; header; delimiter '|'" <<'END'
 a | b | y |
 1 | 2 | u |
# another
 3 | 4 | v |
END
understood "3 samples; 2 numeric features; label 'y' (column 3), 2 classes; header; delimiter ','" <<'END'
# a,b,y
1,2,0
3,4,1
3,5,1
END
understood "5 samples; 1 numeric, 1 categorical features; label in column 3, 2 classes; no header" <<'END'
#ff0000,2,0
#00ff00,4,1
#ff0000,5,1
#00ff00,4,1
#ff0000,5,1
END
understood "1 numeric, 1 date features; label 'y' (column 3), 2 classes; header; delimiter ';'; decimal comma" --dates <<'END'
d;b;y
2020-02-01;2,5;u
2020-02-02;1.234;v
END
understood "3 samples; 1 numeric features; label 'y' (column 2), 2 classes; header" <<'END'
a,y
1,yes
2,no
3,yes
END
printf 'a,b,y\r1,2,u\r3,4,v\r' | gzip >packed
train --data - <packed && grep -q "^mlp: standard input: 2 samples; 2 numeric features; label 'y'" err
result $? 'gzip from standard input, lines that end with CR'

for delimiter in 'comma ,' 'semicolon ;' 'tab \t' 'bar |' 'pipe |' 'blanks  ' '\t \t' '; ;'; do
    printf 'a;b;y\n1;2;u\n2;3;v\n' | tr ';' "$(printf '%b' "${delimiter#* }x")" >table
    train --data table --delimiter "${delimiter%% *}" && grep -q "2 samples; 2 numeric features; label 'y' (column 3), 2 classes; header" err
    result $? "--delimiter ${delimiter%% *}"
done
understood "2 samples; 2 numeric features; label 'y' (column 3), 2 classes; header; delimiter '|'" <<'END'
sep=|
a|b|y
1|2|u
3|4|v
END

# ---- columns by name
cat >learnt.csv <<'END'
a,b,c,y
1,red,x,u
2,red,x,v
3,blue,y,u
4,green,y,v
5,red,x,u
6,blue,y,v
END
train --data learnt.csv --output learnt && printf 'z,c,b,a,q\n1,x,red,3,1\n2,x,pink,4,1\n3,y,teal,4,1\n' >other.csv
printf '3,red,x\n4,pink,x\n4,teal,y\n' >bare.csv
"$mlp" predict learnt --data other.csv --probabilities >out 2>err && [ "$(grep -c ignored err)" -eq 1 ] && grep -q '2 columns ignored' err &&
    grep -q "column 'b': 2 of 3 values are levels that the training data did not have" err && mv out byname &&
    "$mlp" predict learnt --data bare.csv --probabilities >out 2>err && cmp out byname >>err && grep -q 'no header' err
result $? 'columns are found by name, without a header by position; unknown levels and extra columns are told once'
printf 'c,b\nx,red\n' | "$mlp" predict learnt --data - >out 2>err
[ $? -eq 1 ] && grep -q "column 'a' is missing, which is a feature of the model" err
result $? '  a column that is missing is named'
printf 'a,b,c,y\n1,red,x,w\n' >unknown.csv
"$mlp" evaluate learnt --data unknown.csv >out 2>err
[ $? -eq 1 ] && grep -q "unknown.csv: line 2, column 4 (y): label 'w' is none of the 2 known classes" err
result $? '  a class that is not known, with file and line'
refused 1 "column 2 'b' has 3 different texts, at most 2 are levels: --ignore leaves it out" --levels 2 <learnt.csv
train --data learnt.csv --rare 2 --output rare && "$mlp" inspect rare | grep -q 'inputs *6' && train --data learnt.csv --rare 3 --output rare &&
    "$mlp" inspect rare | grep -q 'inputs *5'
result $? '--rare merges levels of few samples'
printf 'a,y\n1,NA\n2,DE\n3,NA\n4,DE\n' >countries.csv
refused 1 "line 2, column 2 (y): missing label 'NA'" <countries.csv
train --data countries.csv --missing-label NA --output countries && "$mlp" inspect countries | grep -q 'classes *2: DE, NA'
result $? '--missing-label NA is a class'

# ---- what is told
understood 'column 1 counts 0, 1, 2, ...: .* --ignore 0' <<'END'
,a,y
0,3,u
1,4,v
2,5,u
3,5,u
END
{
    echo c,d,y
    for i in 1 2 3 4 5 6; do printf 'r,0,u\ns,1,v\n'; done
} >leak
understood "column 'c' determines the label" <leak
understood "column 'd' determines the label" <leak
understood 'the label has 5 different values in 5 rows: --regression' <<'END'
a,y
1,1.5
2,2.5
3,3.5
4,3.9
4,4.9
END
understood "1 of the classes to validate on, first 'v', are not trained on" --validation-last 1 <<'END'
a,y
1,u
2,w
3,u
4,v
END
understood "column 'c' has one value only" <<'END'
c,a,y
1,3,u
1,4,v
END
refused 2 "cross-entropy" <<'END'
c,a,y
1,3,u
1,4,u
END
grep -q 'the label is the same in all rows: is --label right?' err
result $? '  one class only is told before'

# ---- what is refused
refused 2 "no column is named 'y': lines have one field with the delimiter ',' (--delimiter says otherwise)" --delimiter , --label y <<'END'
a;b;y
1;2;u
END
refused 1 "one field with the delimiter ','" --delimiter , <<'END'
a;b;y
1;2;u
END
refused 1 "line 3, column 3: the line has 2 fields, expected 3, with the delimiter ','" <<'END'
a,b,y
1,2,u
3,v
END
refused 1 "line 3, column 2: a quote opens here" <<'END'
a,b,y
1,2,u
3,"4,v
5,6,u
END
refused 1 "line 2, column 2 (b): expected a number, got '1.234,5': write numbers without separators of thousands" <<'END'
a;b;y
1,5;1.234,5;u
2,5;5.678,0;v
END
refused 1 "line 1, column 1: expected a number, got '#N/A'" <<'END'
#N/A,5,x
7,8,y
1,2,x
3,4,x
5,6,x
3,4,x
5,6,x
3,4,x
5,6,x
3,4,x
5,6,x
END
refused 2 "several columns are named 'a'" <<'END'
a,a,y
1,2,u
END
refused 2 "column 'y' (2) is asked to be both label and ignored" --label y --ignore y <<'END'
a,y
1,u
END
printf 'a,b,y\n1,2,u\n' | iconv -f UTF-8 -t UTF-16 >bytes
refused 1 'UTF-16 text, expected UTF-8' <bytes
printf 'a,b,y\n1,caf\351,u\n' >bytes
refused 1 "line 2, column 2 (b): 'caf.xE9' is not UTF-8 (Latin-1?)" <bytes
{
    printf 'a,b,y\n'
    yes 1,2,u | head -n 20000
    printf '1,\0002,u\n'
} >bytes
refused 1 'line 20002, column 2: a NUL byte: is the file UTF-16' <bytes

# ---- names of C stay in C
printf '1 2000000000:1\n' >table
train --data table
[ $? -eq 1 ] && grep -q 'raise the limit, --unpack-limit$' err
result $? 'a limit is named by its option'
printf 'a,g,y\n1,p,u\n2,p,v\n' >my_unpack_limit.csv
train --data my_unpack_limit.csv --group g --validation 0.5
[ $? -ne 0 ] && grep -q '^mlp: there is 1 group, expected at least 2' err
result $? 'functions are not named'
train --data my_unpack_limit.csv --label 'mlp_data_split: unpack_limit'
[ $? -eq 2 ] && grep -q "^mlp: my_unpack_limit.csv: no column is named 'mlp_data_split: unpack_limit'" err
result $? '  but in what is quoted'
train --data leak --label y --dropout 0.5 --layer-rate 9=2
[ $? -eq 2 ] && ! grep -q 'mlp_' err
result $? '  nor in what a factor is refused by'

# ---- options
train --data leak --weight 5
[ $? -eq 2 ] && grep -q "ambiguous option '--weight': it may be --weight-column, --weight-decay" err
result $? 'a beginning of two options is refused, and both are named'
train --data leak --weight-d 0.1 && grep -q "^mlp: '--weight-d' is taken for --weight-decay" err
result $? 'a beginning of one option is taken, and said'
echo "1..$count"
