"""The tables on which the defaults are compared: those that come with scikit-learn, and made ones with the shape of
known sets. Each is a Table; a cell is a number, a text, or None where it is missing."""

import collections
import itertools

import numpy
from sklearn import datasets

# columns: {name: list of cells}; labels: names of its columns; regression: they are numbers to predict;
# whole: the samples are all there are, so that a model is tested on those it was trained on.
Table = collections.namedtuple("Table", "columns labels regression whole")


def made(columns, label, regression=False, whole=False):
    labels = label.split(",")
    return Table({name: numpy.asarray(cells).tolist() for name, cells in columns.items()}, labels, regression, whole)


def with_gaps(random, cells, share):
    return [None if gap else cell for cell, gap in zip(numpy.asarray(cells).tolist(), random.random(len(cells)) < share)]


def bundled(load, regression=False):
    data = load()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    columns = {name: data.data[:, i] for i, name in enumerate(names)}
    target = data.target if regression else [f"class-{c}" for c in data.target]
    return made({**columns, "target": target}, "target", regression)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def adult(count=16000):
    """Census income: six numbers, eight texts, 5.6 % of the cells of three of them missing, 24 % above."""
    r = numpy.random.default_rng(1)
    age = numpy.clip(r.gamma(6.5, 6, count) + 17, 17, 90).round()
    years = numpy.clip(r.normal(10, 2.5, count), 1, 16).round()
    hours = numpy.clip(r.normal(40, 12, count), 1, 99).round()
    male = r.random(count) < 0.67
    married = r.random(count) < 0.3 + 0.25 * (age > 30)
    gain = numpy.where(r.random(count) < 0.08, r.lognormal(8.5, 1, count), 0).round()
    loss = numpy.where(r.random(count) < 0.05, r.normal(1870, 370, count), 0).round()
    jobs = [f"job-{c}" for c in "abcdefghijklmn"]
    job = numpy.clip((years / 1.3 + r.normal(0, 2, count)).round(), 0, 13).astype(int)
    work = r.choice(7, count, p=[0.72, 0.09, 0.07, 0.04, 0.04, 0.03, 0.01])
    country = numpy.minimum(r.geometric(0.9, count) - 1, 40)
    score = (-5.6 + 0.045 * (age - 38) - 0.0016 * (age - 48) ** 2 + 0.33 * (years - 10) + 2.4 * married + 0.03 * (hours - 40)
             + 0.2 * (job - 7) + 0.35 * male + 1.1 * (work == 3) + 3.0 * (gain > 5000) + 1.5 * (loss > 1800) + 2.1)
    income = numpy.where(r.random(count) < sigmoid(2 * score - 0.7), ">50K", "<=50K")
    return made({
        "age": age, "workclass": with_gaps(r, [f"work-{w}" for w in work], 0.056),
        "fnlwgt": r.lognormal(12, 0.5, count).round(), "education": [f"grade-{int(y)}" for y in years],
        "education_num": years, "marital": numpy.where(married, "married", r.choice(["never", "divorced", "widowed"], count)),
        "occupation": with_gaps(r, [jobs[j] for j in job], 0.056),
        "relationship": numpy.where(married, numpy.where(male, "husband", "wife"), r.choice(["own-child", "unmarried", "other"], count)),
        "race": r.choice(["a", "b", "c", "d", "e"], count, p=[0.85, 0.1, 0.03, 0.01, 0.01]), "sex": numpy.where(male, "male", "female"),
        "gain": gain, "loss": loss, "hours": hours, "country": with_gaps(r, [f"country-{c}" for c in country], 0.018),
        "income": income}, "income")


def titanic(count=891):
    """891 passengers, 38 % survived; a fifth of the ages and three quarters of the decks are missing."""
    r = numpy.random.default_rng(2)
    grade = r.choice([1, 2, 3], count, p=[0.24, 0.21, 0.55])
    male = r.random(count) < 0.65
    age = numpy.clip(r.normal(43 - 5.5 * grade, 13.5, count), 0.4, 80).round(1)
    siblings, parents = r.poisson(0.5, count), r.poisson(0.38, count)
    fare = (r.lognormal(0, 0.5, count) * numpy.array([70, 20, 11])[grade - 1] * (1 + 0.3 * (siblings + parents))).round(2)
    score = 2.7 - 0.9 * (grade - 1) - 2.6 * male - 0.02 * (age - 30) + 1.6 * (age < 10) - 0.3 * (siblings + parents) - 0.2
    deck = [None if r.random() < (0.2 if g == 1 else 0.93) else "ABCDEFG"[int(r.integers(7))] for g in grade]
    return made({
        "class": grade, "sex": numpy.where(male, "male", "female"), "age": with_gaps(r, age, 0.2), "siblings": siblings,
        "parents": parents, "fare": fare, "embarked": with_gaps(r, r.choice(["S", "C", "Q"], count, p=[0.72, 0.19, 0.09]), 0.002),
        "deck": deck, "survived": numpy.where(r.random(count) < sigmoid(1.6 * score), "yes", "no")}, "survived")


WINE = {"fixed_acidity": (8.3, 1.7), "volatile_acidity": (0.53, 0.18), "citric_acid": (0.27, 0.19), "sugar": (2.5, 1.4),
        "chlorides": (0.087, 0.047), "free_sulfur": (16, 10), "total_sulfur": (46, 33), "density": (0.9967, 0.0019),
        "pH": (3.31, 0.15), "sulphates": (0.66, 0.17), "alcohol": (10.4, 1.07)}


def wine_quality(count=1599):
    """Eleven measurements, and marks from 3 to 8 of which a third of the variance can be explained."""
    r = numpy.random.default_rng(3)
    common, z = r.normal(size=(count, 3)), {}
    for i, name in enumerate(WINE):
        z[name] = 0.8 * r.normal(size=count) + 0.6 * common[:, i % 3]
    quality = (5.64 + 0.29 * z["alcohol"] - 0.2 * z["volatile_acidity"] + 0.15 * numpy.tanh(z["sulphates"]) - 0.1 * z["total_sulfur"]
               - 0.08 * z["chlorides"] - 0.07 * z["alcohol"] * z["pH"] + 0.63 * r.normal(size=count))
    columns = {name: (mean + deviation * z[name]).round(4) for name, (mean, deviation) in WINE.items()}
    return made({**columns, "quality": numpy.clip(quality.round(), 3, 8)}, "quality", True)


def abalone(count=4177):
    """Sizes and weights of shells, all of one growth curve; rings (age) 9.9 ± 3.2, half of it explained."""
    r = numpy.random.default_rng(4)
    sex = r.choice(["M", "F", "I"], count, p=[0.37, 0.31, 0.32])
    rings = numpy.clip(numpy.where(sex == "I", r.gamma(10, 0.79, count), r.gamma(13.5, 0.8, count)), 1, 29).round()
    length = 0.72 * (1 - numpy.exp(-0.18 * rings)) * r.lognormal(0, 0.13, count)
    diameter = 0.8 * length * r.lognormal(0, 0.03, count)
    height = 0.27 * length * r.lognormal(0, 0.1, count)
    whole = 5.1 * length ** 3 * r.lognormal(0, 0.12, count)
    shell = 0.29 * whole * (rings / 10) ** 0.2 * r.lognormal(0, 0.13, count)
    return made({"sex": sex, "length": length.round(3), "diameter": diameter.round(3), "height": height.round(3), "whole": whole.round(4),
                 "shucked": (0.43 * whole * (rings / 10) ** -0.15 * r.lognormal(0, 0.1, count)).round(4),
                 "viscera": (0.22 * whole * r.lognormal(0, 0.12, count)).round(4), "shell": shell.round(4), "rings": rings},
                "rings", True)


def housing(count=8000):
    """Blocks of houses on a map with two towns: prices in dollars, skewed, cut off at 500,001; a text column."""
    r = numpy.random.default_rng(5)
    town = r.random(count) < 0.55
    longitude = numpy.where(town, -118.2, -122.0) + r.normal(0, 0.9, count)
    latitude = numpy.where(town, 34.0, 37.6) + r.normal(0, 0.8, count)
    income = r.lognormal(1.26, 0.47, count)
    age, rooms = r.integers(1, 53, count), r.lognormal(7.6, 0.75, count).round()
    people = (rooms * r.lognormal(-0.6, 0.3, count)).round() + 3
    near = numpy.exp(-((longitude + 118.3) ** 2 + (latitude - 34) ** 2) / 0.8) + numpy.exp(-((longitude + 122.3) ** 2 + (latitude - 37.7) ** 2) / 0.8)
    sea = numpy.where(longitude + latitude / 1.3 < -92.6, "near", numpy.where(r.random(count) < 0.4, "inland", "hour"))
    price = (35000 * income + 130000 * near + 900 * age - 40000 * (sea == "inland") + 9000 * numpy.log(rooms / people) + 20000) * r.lognormal(0, 0.22, count)
    return made({"longitude": longitude.round(2), "latitude": latitude.round(2), "age": age, "rooms": rooms,
                 "bedrooms": (rooms / 4.9 * r.lognormal(0, 0.1, count)).round(), "people": people, "income": income.round(4),
                 "ocean": sea, "price": numpy.clip(price, 14999, 500001).round()}, "price", True)


def xor():
    return made({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "label": ["even", "odd", "odd", "even"]}, "label", whole=True)


def parity(bits=8):
    rows = list(itertools.product([0, 1], repeat=bits))
    columns = {f"bit{i}": [row[i] for row in rows] for i in range(bits)}
    return made({**columns, "label": ["odd" if sum(row) % 2 else "even" for row in rows]}, "label", whole=True)


def thyroid(count=7200):
    """Six numbers and fifteen flags; three classes of 2, 5 and 93 %, told by thresholds."""
    r = numpy.random.default_rng(6)
    tsh, t3, tt4 = r.lognormal(0.5, 1.3, count), r.normal(2, 0.75, count), r.normal(108, 35, count)
    uptake = r.normal(1, 0.18, count)
    flags = {f"flag{i}": (r.random(count) < 0.02 + 0.02 * i).astype(int) for i in range(15)}
    fti = tt4 / uptake
    label = numpy.where((tsh > 6) & (fti < 65), "hypo", numpy.where((tsh > 6) & (flags["flag1"] == 0) & (tt4 < 150), "sub", "normal"))
    return made({"age": r.integers(1, 95, count), **flags, "tsh": tsh.round(4), "t3": t3.round(3), "tt4": tt4.round(1),
                 "uptake": uptake.round(3), "fti": fti.round(2), "label": label}, "label")


def mushroom(count=4000):
    """Twelve columns of texts alone; a rule over four of them."""
    r = numpy.random.default_rng(7)
    columns = {f"part{i}": r.choice(list("abcdefghi")[:2 + i % 8], count) for i in range(12)}
    poison = (((columns["part3"] == "a") | (columns["part3"] == "d")) & (columns["part5"] != "b")) | ((columns["part7"] == "c") & (columns["part2"] == "a"))
    return made({**columns, "kind": numpy.where(poison, "poisonous", "edible")}, "kind")


def robot(count=900):
    """An arm of four joints: where its hand is, in the plane and in height; three numbers to predict."""
    r = numpy.random.default_rng(8)
    q = r.uniform(-1.5, 1.5, (count, 4))
    reach = numpy.cos(q[:, 1]) + 0.8 * numpy.cos(q[:, 1] + q[:, 2]) + 0.3 * numpy.cos(q[:, 1] + q[:, 2] + q[:, 3])
    height = numpy.sin(q[:, 1]) + 0.8 * numpy.sin(q[:, 1] + q[:, 2]) + 0.3 * numpy.sin(q[:, 1] + q[:, 2] + q[:, 3])
    hand = {"x": reach * numpy.cos(q[:, 0]), "y": reach * numpy.sin(q[:, 0]), "z": height}
    joints = {f"joint{i}": q[:, i].round(4) for i in range(4)}
    return made({**joints, **{name: (v + r.normal(0, 0.02, count)).round(4) for name, v in hand.items()}}, "x,y,z", True)


def friedman():
    x, y = datasets.make_friedman1(1000, noise=1.0, random_state=9)
    return made({**{f"x{i}": x[:, i].round(4) for i in range(10)}, "y": y.round(4)}, "y", True)


SETS = {
    "iris": lambda: bundled(datasets.load_iris),
    "wine": lambda: bundled(datasets.load_wine),
    "breast-cancer": lambda: bundled(datasets.load_breast_cancer),
    "digits": lambda: bundled(datasets.load_digits),
    "adult": adult, "titanic": titanic, "xor": xor, "parity8": parity, "thyroid": thyroid, "mushroom": mushroom,
    "diabetes": lambda: bundled(datasets.load_diabetes, True),
    "wine-quality": wine_quality, "abalone": abalone, "housing": housing, "robot": robot, "friedman1": friedman,
}
MADE = set(SETS) - {"iris", "wine", "breast-cancer", "digits", "diabetes"}
