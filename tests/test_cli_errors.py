"""What cannot be done is told in one line, with exit code 2, and nothing is lost or left behind."""

import os
from pathlib import Path

import commands
import jax
import numpy as np
import pytest
from commands import QUICK, columns, good, refused, write

from mlpjax import MLP, init, save

here = pytest.fixture(commands.here)
trained = pytest.fixture(commands.trained, scope="module")


@pytest.mark.parametrize(("options", "message"), [
    ([], "what is to be learned from? mlpjax train DATA, where DATA is a file or a bundled set"),
    (["digit"], "unknown data set 'digit': did you mean 'digits'"),
    (["iris", "--activation", "rellu"], "unknown activation 'rellu': did you mean 'relu'"),
    (["iris", "--activation", "[bold]"], "unknown activation '[bold]'"),
    (["iris", "--activation", "step"], "losses.perceptron_loss"),
    (["iris", "--optimizer", "adma"], "unknown optimizer 'adma': did you mean 'adam'"),
    (["iris", "--gradient", "backpop"], "unknown gradient method 'backpop': did you mean 'backprop'"),
    (["iris", "--init", "he_norml"], "unknown initialiser 'he_norml': did you mean 'he_normal'?"),
    (["iris", "--loss", "squared_eror"], "unknown loss 'squared_eror': did you mean 'squared_error'"),
    (["iris", "--loss", "squared_error"], "the loss squared_error cannot learn classes from a table: use one of softmax"),
    (["diabetes", "--loss", "hinge_loss"], "cannot learn numbers from a table: use one of absolute_error, huber_loss"),
    (["iris", "--layers", "8,x"], "--layers must be sizes such as 64,32, or none for no hidden layer; got '8,x'"),
    (["iris", "--layers", "4,0"], "every hidden layer must have 1 unit or more, got 4,0"),
    (["iris", "--batch-size", "0"], "batch_size must be from 1 to 120, the number of examples; got 0"),
    (["iris", "--batch-size", "121"], "batch_size must be from 1 to 120, the number of examples; got 121"),
    (["iris", "--optimizer", "lbfgs", "--batch-size", "32"], "lbfgs needs all 120 examples at every step: leave"),
    (["iris", "--epochs", "0"], "epochs must be 1 or more, got 0"),
    (["iris", "--learning-rate", "0"], "the learning rate must be a finite number above 0, got 0.0"),
    (["iris", "--schedule", "cosin"], "unknown schedule 'cosin': did you mean 'cosine'"),
    (["iris", "--clip", "0"], "the gradient can be clipped to a norm above 0, got 0.0"),
    (["iris", "--l1", "-1"], "the l1 penalty must be a finite number of 0 or more, got -1.0"),
    (["iris", "--l2", "-1"], "the l2 penalty must be a finite number of 0 or more, got -1.0"),
    (["iris", "--patience", "0"], "patience must be 1 or more epochs, got 0"),
    (["iris", "--validation", "1"], "the validation part must be a fraction from 0 to less than 1, got 1.0"),
    (["iris", "--validation", "0.999"], "to hold out 0.999 of 120 training examples for validation leaves none"),
    (["iris", "--memory", "lots"], "--memory must be a size such as 500MB or 2GB, got 'lots'"),
    (["iris", "--target", "x"], "iris is a bundled set and takes no --target; for a file of that name write ./iris"),
    (["iris", "--drop", "x"], "iris is a bundled set and takes no --drop"),
    (["diabetes", "--balanced"], "balanced classes need classes to predict, and the target is a number"),
    (["digits", "--layers", "512,512,512", "--gradient", "path_sum"], "use backprop, or a smaller network"),
])  # fmt: skip
def test_options(here, options, message):
    assert message in refused("train", *options)
    assert commands.left(here) == []


def test_a_seed_is_checked_by_the_parser(here):
    for seed in ("-1", str(2**32)):
        result = commands.call("train", "iris", "--seed", seed)
        assert result.exit_code == 2
        assert "Invalid value for '--seed'" in result.output


@pytest.mark.parametrize(("content", "message"), [
    (None, "there is no file"),
    (b"", "is empty"),
    (b"size,price\n", "has a header but no rows"),
    (b"size,rooms\n1,2\n", "unknown column 'price'"),
    (b"size,price\n" + b"1,a\n" * 20, "the target 'price' is 'a' in every row: two classes or more are needed"),
    (b"size,price\n" + b"1,2.5\n2,2.5\n" * 20, "the target 'price' is 2.5 in every row: there is nothing to learn"),
    (b"size,price\n" + b"1,\n" * 20, "no row has a value for the target price"),
    (b"size,price\n" + b",1.5\n,2.5\n" * 20, "no column is left to learn from. column 'size' is missing in every row"),
    (b"size,price\n1,2\n3\n", " has 1 cells where the header names 2 columns"),
    (b"size,price\n1,\xe9\n", "is not UTF-8: line 2 holds the byte 0xe9"),
    (b"size,size,price\n1,2,3\n", "more than one column named 'size'"),
    (b"size,price\n1,2.5\n", "hold out 20% of them for test"),
    (b"when,price\n" + b"2020-01-31,1.5\n2020-02-01,2.5\n" * 20, "'when' holds dates as text (turn them into numbers"),
])  # fmt: skip
def test_tables(here, content, message):
    if content is not None:
        Path("table.csv").write_bytes(content)
    assert message in refused("train", "table.csv", "-t", "price", *QUICK)
    assert commands.left(here) == [] if content is None else ["table.csv"]


def test_more_of_tables(here):
    write("houses.csv", columns(*commands.FEATURES, "price", "visits", "kind"))
    Path("folder.csv").mkdir()
    Path("iris").write_text("a,b\n1,2\n")
    for arguments, message in {
        ("houses.csv",): "which column is to be predicted? Choose with --target: size, rooms, city",
        ("houses.csv", "-t", "prise"): "unknown column 'prise': did you mean 'price'",
        ("houses.csv", "-t", "price", "--drop", "citty"): "unknown column 'citty': did you mean 'city'",
        ("houses.csv", "-t", "price", "--numeric", "city"): "'city' is to be numeric but holds 'Lima' in row 1",
        ("houses.csv", "-t", "price", "-t", "kind"): "the target 'kind' must hold numbers; row 1 holds 'fair'",
        ("houses.csv", "-t", "price", "--weights", "city"): "column 'city' must hold finite numbers; row 1 holds",
        ("houses.csv", "-t", "price", "--task", "number"): "unknown task 'number': did you mean 'numbers'",
        ("houses.csv", "-t", "price", "--delimiter", ";;"): "a delimiter must be one ASCII character",
        ("iris", "--test", "0"): "the part to hold out must be more than 0 and less than 1, got 0.0",
        ("houses.csv", "-t", "price", "--test", "1"): "the part to hold out must be more than 0 and less than 1, got 1.0",
        ("folder.csv", "-t", "price"): "folder.csv is a folder; name a file in it",
        ("./iris", "-t", "b"): "the name of the file must end in one of .csv",
    }.items():
        assert message in refused("train", *arguments)
    assert commands.left(here) == ["folder.csv", "houses.csv", "iris"]


def test_counts_cannot_be_negative(here):
    write("houses.csv", columns("size", "rooms") | {"balance": np.linspace(-1, 1, 150).tolist()})
    result = commands.call("train", "houses.csv", "-t", "balance", "--loss", "poisson_loss", *QUICK)
    assert result.exit_code == 2
    assert "y must hold numbers of 0 or more (poisson_loss)" in result.stderr
    assert commands.left(here) == ["houses.csv"]


def test_a_folder_that_exists_is_left_alone(here):
    Path("run").mkdir()
    Path("run/mine").write_text("precious")
    assert refused("train", "iris", "--out", "run") == "run already exists: choose another folder with --out, or move it away"
    assert commands.left(here) == ["run", "run/mine"]


def test_a_folder_that_cannot_be_made(here):
    Path("file").write_text("precious")
    assert refused("train", "iris", "--out", "file/run") == (
        "the run folder file/run cannot be made: Not a directory. Choose another with --out"
    )
    assert commands.left(here) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(here, trained):
    Path("locked").mkdir(mode=0o500)
    assert "cannot be made: Permission denied" in refused("train", "iris", "--out", "locked/run")
    assert "cannot be written: Permission denied" in refused(
        "predict", trained / "numbers", trained / "houses.csv", "-o", "locked/a.csv"
    )


@pytest.mark.parametrize(("name", "message"), [
    ("nowhere", "there is no model nowhere"),
    ("empty", "there is no model empty/model.safetensors"),
    ("houses.csv", "houses.csv is not a whole safetensors file written by mlpjax"),
    ("cut", "cut is not a whole safetensors file written by mlpjax"),
    ("arrays", "arrays has no preprocessing: it takes arrays, not tables; use mlpjax.load and mlpjax.predict"),
])  # fmt: skip
def test_models(here, trained, name, message):
    write("houses.csv", columns(*commands.FEATURES, "price"))
    Path("empty").mkdir()
    Path("cut").write_bytes((trained / "numbers/model.safetensors").read_bytes()[:-8])
    save("arrays", MLP((2, 1)), init(MLP((2, 1)), jax.random.key(0)))
    for command in ("predict", "evaluate"):
        assert message in refused(command, name, "houses.csv")
    assert message in refused("inspect", name)


def test_tables_for_prediction(here, trained):
    table = columns(*commands.FEATURES)
    write("lacks.csv", columns("rooms", "garden"))
    write("text.csv", table | {"size": ["1", "big", *["2"] * 148]})
    write("dates.csv", table)
    write("header.csv", {name: [] for name in table})
    Path("latin.csv").write_bytes(b"size,rooms,city,garden,age\n1,2,Z\xfcrich,true,3\n")
    for name, message in {
        "lacks.csv": "the table lacks columns 'size', 'city', 'age', which training had; it has columns 'rooms', 'garden'",
        "text.csv": "column 'size' must hold finite numbers; row 2 holds 'big'",
        "header.csv": "header.csv has no rows",
        "latin.csv": "latin.csv is not UTF-8: line 2 holds the byte 0xfc",
        "nowhere.csv": "there is no file nowhere.csv",
        "iris": "there is no file iris, and neither predict nor evaluate takes a bundled set",
    }.items():
        before = commands.left(here)
        assert message in refused("predict", trained / "numbers", name, "-o", "out.csv")
        assert commands.left(here) == before


def test_outputs(here, trained):
    write("houses.csv", columns(*commands.FEATURES))
    before = Path("houses.csv").read_bytes()
    Path("folder.csv").mkdir()
    os.link("houses.csv", "same.csv")
    for options, message in {
        ("-o", "houses.csv"): "-o houses.csv would replace what is read: choose another file",
        ("-o", "same.csv"): "-o same.csv would replace what is read: choose another file",
        ("-o", "nowhere/out.csv"): "nowhere/out.csv cannot be written: No such file or directory",
        ("-o", "folder.csv"): "folder.csv cannot be written: Is a directory",
        ("-o", "out.txt"): "-o must name a file that ends in one of .csv .parquet .jsonl, got 'out.txt'",
        ("-o", "out.csv", "--json"): "--json is about standard output; for a file of JSON lines write -o out.jsonl",
        ("--probabilities",): "target price is a number: it has no probabilities of classes",
    }.items():
        assert refused("predict", trained / "numbers", "houses.csv", *options) == message
    assert Path("houses.csv").read_bytes() == before
    assert commands.left(here) == ["folder.csv", "houses.csv", "same.csv"]


def test_evaluating_needs_a_target_that_is_known(here, trained):
    table = columns(*commands.FEATURES, "kind")
    write("none.csv", columns(*commands.FEATURES))
    write("other.csv", table | {"kind": ["cheap", "posh", *["dear"] * 148]})
    write("missing.csv", table | {"kind": [None] * 150})
    for name, message in {
        "none.csv": "kind",
        "other.csv": "target 'kind' is 'posh' in row 2, which is none of the classes of training: cheap, dear, fair",
        "missing.csv": "missing.csv has no row with a target to measure on",
    }.items():
        assert message in refused("evaluate", trained / "classes", name)


@pytest.mark.slow
def test_a_bundled_set_and_a_file_of_that_name(here):
    """The name stands for the bundled set, whatever files there are."""
    Path("iris").write_text("not a table")
    assert "iris: 120 training" in good("train", "iris", "--out", "run", *QUICK).output
    assert Path("iris").read_text() == "not a table"


def test_without_the_extras_it_says_what_to_install(here):
    setting = "sys.modules['typer'] = None"
    with commands.process(here, setting=setting) as running:
        _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "pip install 'mlpjax[cli]'" in said
