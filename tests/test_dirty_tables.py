"""Tables as people keep them: numbers with decimal commas and signs, codes, stray cells, columns without a name."""

import decimal
import io

import numpy as np
import pyarrow as pa
import pytest

from mlpjax.data import Choices, load_table, open_source, unlabelled
from mlpjax.data.examples import labelled
from mlpjax.data.inference import fit_preprocessing
from mlpjax.data.survey import survey

N = 60
Y = np.arange(N) / 7


def fitted(data, choices=None):
    source, choices = open_source(data), choices or Choices("y")
    return fit_preprocessing(survey(source, choices), choices)


@pytest.mark.parametrize(("cells", "bad"), [
    ([f"{i % 30},5" for i in range(N)], "0,5"),
    ([f"{i % 30}%" for i in range(N)], "0%"),
    ([f"${i % 30}.00" for i in range(N)], r"\$0.00"),
    ([f"{i % 30 + 1}.234,50 €" for i in range(N)], "1.234,50 €"),
    ([f"{i % 30 + 1} 000" for i in range(N)], "1 000"),
    ([str(i % 30) if i != 7 else "-" for i in range(N)], "-' in row 8"),
    ([str(i % 30) if i != 7 else "inf" for i in range(N)], "inf' in row 8"),
    ([f"{i},5" for i in range(2000)], "0,5"),
    ([str(i) if i != 7 else "unknown" for i in range(2000)], "unknown' in row 8"),
])  # fmt: skip
def test_numbers_that_are_not_plain_are_refused_and_never_categories_or_classes(cells, bad):
    y = np.arange(len(cells)) / 7
    with pytest.raises(
        ValueError, match=f"'x' looks like numbers but holds '{bad}.*: write plain numbers such as 1234.5.*categorical"
    ):
        fitted({"x": cells, "y": y})
    with pytest.raises(
        ValueError, match=f"the target 'y' looks like numbers but holds '{bad}.*: write plain .* as classes .task"
    ):
        fitted({"x": y, "y": cells})


def test_they_are_taken_as_they_stand_if_so_asked():
    cells = [f"{i % 3},5" for i in range(N)]
    assert fitted({"x": cells, "y": Y}, Choices("y", categorical="x")).preprocessing.features == ("x=0,5", "x=1,5", "x=2,5")
    assert fitted({"x": Y, "y": cells}, Choices("y", task="classes")).preprocessing.target.classes == ("0,5", "1,5", "2,5")


@pytest.mark.parametrize("seed", range(4))
def test_the_kind_of_a_column_does_not_depend_on_the_seed(seed):
    cells = ["12", "7"] * 30
    cells[11] = "seven"
    with pytest.raises(ValueError, match="'x' looks like numbers but holds 'seven' in row 12"):
        load_table({"x": cells, "y": Y}, Choices("y"), seed=seed)


def test_categories_come_from_the_training_rows():
    cells = ["a", "b", *["a"] * (N - 3), "rare"]
    found = [load_table({"x": cells, "z": Y, "y": Y}, Choices("y"), seed=seed) for seed in range(12)]
    held_out = [data for data in found if "x=rare" not in data.features]
    assert 0 < len(held_out) < len(found)


def test_text_that_is_taken_as_categories_is_noted():
    city, size = ["Lima", "Oslo"] * 30, ["S", "M", "L"] * 20
    assert fitted({"x": Y, "city": city, "y": Y}).notes[-1] == "column 'city' taken as 2 categories"
    assert fitted({"city": city, "size": size, "y": Y}).notes[-1] == "columns taken as categories: 'city' (2), 'size' (3)"
    asked = fitted({"city": city, "truth": [True, False] * 30, "y": Y}, Choices("y", categorical="city"))
    assert asked.notes == ("target y taken as numbers",)


def test_text_of_which_each_comes_once_is_no_target():
    with pytest.raises(ValueError, match="the target 'y' is another in every row, such as 'n0': is it the right column"):
        fitted({"x": Y, "y": [f"n{i}" for i in range(N)]})
    names = [f"n{i}" for i in range(N - 2)] + ["many", "many"]
    with pytest.raises(ValueError, match=r"58 of the 59 classes of the target 'y' have a single row each, such as 'n0'.*task"):
        fitted({"x": Y, "y": names})
    assert len(fitted({"x": Y, "y": names}, Choices("y", task="classes")).preprocessing.target.classes) == 59


def test_the_same_cell_is_one_category_in_every_file():
    spellings = [
        pa.array(["1.50", "-0.0", "3", " 1e1"]), pa.array([1.5, -0.0, 3.0, 10.0]), pa.array(["1.5", "0", "3.00", "+10"]),
        pa.array([decimal.Decimal("1.50"), decimal.Decimal("0.00"), decimal.Decimal(3), decimal.Decimal(10)]),
    ]  # fmt: skip
    for cells in spellings:
        data = pa.table({"x": pa.concat_arrays([cells] * 5), "y": np.arange(20) / 7})
        assert fitted(data, Choices("y", categorical="x")).preprocessing.columns[0].categories == ("0", "1.5", "3", "10")


def test_truth_values_and_0_and_1_are_the_same_in_prediction():
    from mlpjax.data.cells import raw

    columns = fitted({"x": ["true", "false"] * 30, "k": [1, 0] * 30, "y": Y}, Choices("y", categorical="k")).preprocessing.columns
    for cells in (["1", "0"], ["True", "FALSE"], [True, False], [1.0, 0.0]):
        np.testing.assert_array_equal(raw(columns, pa.record_batch({"x": cells, "k": cells})), [[1, 1], [0, 0]])


def test_codes_with_zeros_before_them_are_text():
    zips = ["01067", "10115", "80331"] * 20
    assert fitted({"zip": zips, "y": Y}).preprocessing.columns[0].categories == ("01067", "10115", "80331")
    assert fitted({"x": Y, "y": zips}).preprocessing.target.classes == ("01067", "10115", "80331")
    assert fitted({"zip": [" 01067", "10115", None] * 20, "y": Y}).preprocessing.columns[0].categories == ("01067", "10115")
    assert fitted({"x": ["-1", " 0.5", "0", "0e1"] * 15, "y": Y}).preprocessing.columns[0].kind == "numeric"
    many = [f"{i:04}" for i in range(N)]
    with pytest.raises(ValueError, match=r"'zip' holds text of more than 50 kinds, such as '0000' in row 1.*numeric"):
        fitted({"zip": many, "y": Y})
    assert fitted({"zip": many, "y": Y}, Choices("y", numeric="zip")).preprocessing.columns[0].kind == "numeric"
    late = [*map(str, range(10, 2010)), "0001"]
    with pytest.raises(ValueError, match="such as '0001' in row 2001"):
        fitted({"zip": late, "y": np.arange(2001) / 7})


@pytest.mark.parametrize("first", [0, 1])
def test_a_nameless_column_that_counts_the_rows_is_dropped(first):
    rows = "".join(f"{i + first},{(i * 7) % 13},{y}\n" for i, y in enumerate(Y))
    data = load_table(io.BytesIO(f",a,y\n{rows}".encode()), Choices("y"))
    assert data.features == ("a",)
    assert data.notes[1] == "'column 1' has no name of its own, only counts the rows, and is dropped"


def test_other_nameless_columns_are_kept_with_a_note():
    rows = "".join(f"{i * 2},{(i * 7) % 13},{y}\n" for i, y in enumerate(Y))
    data = load_table(io.BytesIO(f",a,y\n{rows}".encode()), Choices("y"))
    assert data.features == ("column 1", "a")
    assert data.notes[1] == "'column 1' has no name of its own in the table"
    assert load_table({"row": np.arange(N), "y": Y}, Choices("y")).features == ("row",)


def test_what_training_did_not_have_is_told():
    data = {"city": ["Lima", "Oslo"] * 30, "age": np.arange(N) % 7, "kind": ["a", None, "b"] * 20, "y": Y}
    preprocessing = fitted(data).preprocessing
    table = pa.table({"kind": ["c", None, "a", "d"], "age": [1, None, None, 1], "city": [None, "Rome", "Lima", "Lima"]})
    source = open_source(table)._replace(batches=lambda: iter(table.to_batches(1)))
    with pytest.warns(RuntimeWarning) as told:
        assert len(list(unlabelled(preprocessing, source))) == 4
    assert [str(warning.message) for warning in told] == [
        "column 'city' has 1 cell with a value that training did not have, such as 'Rome': taken as none of the known categories",
        "column 'city' has 1 missing cell, and training had none: taken as none of the known categories",
        "column 'age' has 2 missing cells, and training had none: taken as the mean",
        "column 'kind' has 2 cells with values that training did not have, such as 'c': taken as none of the known categories",
    ]
    with pytest.warns(RuntimeWarning, match="'city' has 1 cell with a value"):
        list(labelled(preprocessing, pa.table({"city": ["Rome"], "age": [1], "kind": ["a"], "y": [1.0]})))
