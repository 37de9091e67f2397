"""Checkpoints: killed trainings, damaged and foreign files, full disks; what is kept, and how training goes on."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from lives import Killer

from mlpjax import MLP, Checkpoints, Penalty, fit, fit_stream, init
from mlpjax.fitting.folder import _quiet
from mlpjax.fitting.packing import arrays_of
from mlpjax.gradients import autodiff

KILLS = int(os.environ.get("MLPJAX_KILLS", "3"))
"""How many kills each kind of training must survive; 20 take half a minute."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fit", "fit_stream"])
def test_a_killed_training_ends_with_the_same_bits(tmp_path, kind):
    """FIT"""
    killer = Killer(seed=len(kind))
    (tmp_path / "whole").mkdir()
    assert killer.one(kind, tmp_path / "whole", survivable=False) == 0
    whole = dict(np.load(tmp_path / "whole/done.npz"))
    for number in range(10 + KILLS):
        folder = tmp_path / str(number)
        killer.until_done(kind, folder, longest=1.2, pause=0.002)
        survived = dict(np.load(folder / "done.npz"))
        assert whole.keys() == survived.keys()
        for name, array in whole.items():
            np.testing.assert_array_equal(array, survived[name], err_msg=name)
        assert (folder / "log.jsonl").read_text() == (tmp_path / "whole/log.jsonl").read_text()
        if killer.killed >= KILLS:
            break
    print(f"{kind}: {killer.killed} killed, {killer.saving} of them as they saved")
    assert killer.killed >= KILLS


NETWORK = MLP((3, 4, 2), "tanh")
OPTIMIZER = optax.adam(1e-2)
X = np.random.default_rng(0).standard_normal((20, 3))


def run(folder=None, epochs=10, **changed):
    options = {"key": jax.random.key(1), "optimizer": OPTIMIZER, "validation": (X[:4], X[:4, :2])} | changed
    mlp, x, y = options.pop("mlp", NETWORK), options.pop("x", X), options.pop("y", X[:, :2])
    kept = None if folder is None else options.pop("kept", Checkpoints(folder, epochs=2, seconds=None))
    return fit(mlp, init(mlp, jax.random.key(0)), x, y, epochs=epochs, checkpoints=kept, **options)


def same(one, other) -> bool:
    (state, history), (again, said) = one, other
    first, second = arrays_of(state), arrays_of(again)
    equal = all(np.array_equal(first[name], second[name]) for name in first.keys() | second.keys())
    return equal and str(history) == str(said)


@pytest.fixture(scope="module")
def whole():
    return run()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with checkpoints after epochs 2, 4 and 6."""
    folder = tmp_path_factory.mktemp("good")
    run(folder, epochs=6)
    assert steps(folder) == [0, 1, 2]
    return folder


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir())


def damaged(kind: str, content: bytes) -> bytes:
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 0x10]) if content else b""
    return {"truncated": content[:middle], "empty": b"", "flipped": content[:middle] + flipped + content[middle + 1 :]}[kind]


@pytest.mark.parametrize("kind", ["truncated", "empty", "flipped", "removed"])
def test_damage_to_any_file_of_the_newest_is_refused_and_the_one_before_it_used(tmp_path, capfd, good, whole, kind):
    files = [path.relative_to(good) for path in sorted(good.glob("2/**/*")) if path.is_file()]
    refused = set()
    for number, file in enumerate(files):
        folder = shutil.copytree(good, tmp_path / str(number))
        if kind == "removed":
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(damaged(kind, (folder / file).read_bytes()))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert same(run(folder), whole), file
        messages = [str(warning.message) for warning in said]
        assert all(line.startswith("checkpoint 2: it is ") and line.endswith("from checkpoint 1") for line in messages)
        refused |= {str(file)} if messages else set()
    assert refused == {"2/about/metadata", "2/content/_METADATA", "2/content/content/.zarray", "2/content/content/0"}
    assert capfd.readouterr() == ("", "")


def test_every_bit_of_a_checkpoint_is_watched(tmp_path, good, whole):
    """What is said, too: a flipped bit in a message or in the best epoch would change the history."""
    about = (good / "2/about/metadata").read_text()
    for old, new in (('"best_epoch": 6', '"best_epoch": 5'), ('"stopped": "epochs"', '"stopped": "patience"')):
        folder = shutil.copytree(good, tmp_path / new.split('"')[1])
        assert old in about
        (folder / "2/about/metadata").write_text(about.replace(old, new))
        with pytest.warns(RuntimeWarning, match="checkpoint 2: it is damaged: the digest of what it holds"):
            assert same(run(folder), whole)


def test_where_all_are_damaged_nothing_is_lost_and_nothing_starts(tmp_path, good):
    folder = shutil.copytree(good, tmp_path / "bad")
    for path in folder.glob("*/content/content/0"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"checkpoint in .*bad cannot be used, nor can the 2 before it: checkpoint 2: it is "):
        run(folder)
    assert steps(folder) == [0, 1, 2]


FOREIGN = {
    "network is .*, here it is .*relu": {"mlp": MLP((3, 4, 2), "relu")},
    r"network is \(3, 4, 2\) .*, here it is \(3, 5, 2\)": {"mlp": MLP((3, 5, 2), "tanh")},
    "batch size is 20, here it is 8": {"batch_size": 8},
    "data is": {"x": X + 1},
    "validation is": {"validation": (X, X[:, :2])},
    "gradient method is backprop, here it is autodiff": {"gradient": autodiff},
    "penalty is": {"penalty": Penalty(l2=0.1)},
    "start is": {"key": jax.random.key(2)},
    "monitor is validation_loss, here it is validation_score": {"monitor": "validation_score"},
    "optimizer is": {"optimizer": optax.sgd(0.1)},
    r"optimizer is \w+, here": {"optimizer": optax.adam(2e-2)},
    r"optimizer is \w+, here it": {"optimizer": optax.adam(optax.cosine_decay_schedule(1e-2, 50))},
}


@pytest.mark.parametrize("difference", FOREIGN)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, good, whole, difference):
    folder = shutil.copytree(good, tmp_path / "other")
    with pytest.raises(ValueError, match=f"checkpoint 2: it is from another training: its {difference}.*Choose another folder"):
        run(folder, **FOREIGN[difference])
    assert same(run(folder), whole)


HOSTILE = [
    "null",
    "[]",
    "{}",
    '{"format": "mlpjax checkpoint 2"}',
    '{"format": "mlpjax checkpoint 1"}',
    '{"format": "mlpjax checkpoint 1", "training": 7}',
    "[" * 100_000,
    '{"format": {"a": 1}}',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_description_that_is_none_is_refused(tmp_path, good, whole, text):
    folder = shutil.copytree(good, tmp_path / "hostile")
    (folder / "2/about/metadata").write_text(text)
    with pytest.warns(RuntimeWarning, match="checkpoint 2: it is "):
        assert same(run(folder), whole)


@pytest.mark.parametrize("epochs", [-1, 10**18, "6", None, 5])
def test_a_number_of_epochs_that_is_not_its_own_is_refused(tmp_path, good, whole, epochs):
    folder = shutil.copytree(good, tmp_path / "hostile")
    about = json.loads((folder / "2/about/metadata").read_text())
    (folder / "2/about/metadata").write_text(json.dumps(about | {"epochs": epochs}))
    with pytest.warns(RuntimeWarning, match="checkpoint 2: it "):
        assert same(run(folder), whole)


def test_a_size_that_is_not_its_own_takes_no_memory(tmp_path, good, whole):
    folder = shutil.copytree(good, tmp_path / "huge")
    path = folder / "2/content/content/.zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shape": [10**15]}))
    with pytest.warns(RuntimeWarning, match="checkpoint 2: it is damaged: .*1000000000000000"):
        assert same(run(folder), whole)


def test_the_latest_and_the_best_are_kept(tmp_path):
    """The validation set has other targets, which training first comes nearer to and then leaves behind."""
    options = {"optimizer": optax.adam(0.03), "validation": (X, 0.4 * X[:, :2])}
    _, history = run(tmp_path, epochs=8, kept=Checkpoints(tmp_path, epochs=1, seconds=None, keep=2), **options)
    best = int(np.argmin(history.validation_loss))
    assert 0 < best < 6
    assert steps(tmp_path) == [best, 6, 7]


def test_the_best_is_kept_after_going_on(tmp_path):
    noise = np.random.default_rng(1).standard_normal((20, 2))
    options = {"y": -noise, "optimizer": optax.adam(0.1), "validation": (X, noise)}  # worse with each epoch
    kept = Checkpoints(tmp_path, epochs=1, seconds=None, keep=1)
    for epochs in (4, 8):
        _, history = run(tmp_path, epochs=epochs, kept=kept, **options)
    assert np.argmin(history.validation_loss) == 0
    assert steps(tmp_path) == [0, 7]


def test_a_finished_training_returns_at_once_and_with_more_epochs_goes_on(tmp_path, whole):
    first = run(tmp_path, epochs=6)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    called = []
    assert same(run(tmp_path, epochs=6, callback=lambda *said: called.append(said)), first)
    assert not called
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert same(run(tmp_path, epochs=10), whole)


def test_seconds(tmp_path):
    run(tmp_path / "never", epochs=4, kept=Checkpoints(tmp_path / "never", seconds=None))
    run(tmp_path / "always", epochs=4, every=1, kept=Checkpoints(tmp_path / "always", seconds=1e-9, keep=9))
    assert steps(tmp_path / "never") == [0]
    assert steps(tmp_path / "always") == [0, 1, 2, 3]


def stop_at(number):
    def callback(epoch, *_):
        if epoch == number:
            raise KeyboardInterrupt

    return callback


def test_a_good_run_says_nothing(tmp_path, capfd):
    run(tmp_path, epochs=6)
    run(tmp_path, epochs=8)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_line_search_goes_on_with_what_it_remembered(tmp_path):
    options = {"optimizer": optax.lbfgs(), "batch_size": 20}
    run(tmp_path, epochs=4, **options)
    assert same(run(tmp_path, **options), run(**options))


def test_an_interrupted_training_goes_on(tmp_path, whole):
    with pytest.warns(RuntimeWarning, match="interrupted after 3 of 10 epochs"):
        _, history = run(tmp_path, every=1, callback=stop_at(3))
    assert history.stopped == "interrupted"
    assert same(run(tmp_path), whole)


@pytest.mark.parametrize("rule", [{"tol": 10.0}, {"patience": 1, "min_delta": 10.0}])
def test_one_that_stopped_early_is_over(tmp_path, rule):
    first = run(tmp_path, **rule)
    assert first[1].stopped in ("converged", "patience")
    assert same(run(tmp_path, **rule), first)


@pytest.mark.parametrize("rule", [{"tol": 10.0}, {"patience": 2, "min_delta": 10.0}])
def test_one_that_stopped_early_goes_on_by_other_rules(tmp_path, whole, rule):
    run(tmp_path, **rule)
    assert same(run(tmp_path), whole)


def test_fewer_epochs_than_there_are_is_refused(tmp_path):
    run(tmp_path, epochs=6)
    with pytest.raises(ValueError, match="holds 6 epochs of this training already, more than the 4 asked for"):
        run(tmp_path, epochs=4)


def test_a_callback_that_fails_loses_nothing(tmp_path, whole):
    def fail(epoch, *_):
        if epoch == 5:
            raise RuntimeError("out of paper")

    kept = Checkpoints(tmp_path)
    with pytest.raises(RuntimeError, match="out of paper"):
        run(tmp_path, every=1, callback=fail, kept=kept)
    seen = []
    assert same(run(tmp_path, kept=kept, callback=lambda epoch, *_: seen.append(epoch), every=1), whole)
    assert seen[0] == 6


def test_a_stream_of_other_data_is_another_training(tmp_path):
    def stream(shift):
        def batches(epoch, start):
            return ((X + shift, X[:, :2]) for _ in range(start, 2))

        return fit_stream(NETWORK, init(NETWORK, jax.random.key(0)), batches, batch_size=20, checkpoints=Checkpoints(tmp_path))

    stream(0)
    with pytest.raises(ValueError, match="its first batch is"):
        stream(1)


def test_one_that_diverged_is_over_and_says_so_again(tmp_path):
    options = {"mlp": MLP((3, 4, 2), "identity"), "optimizer": optax.sgd(1e300), "validation": None}
    with pytest.warns(RuntimeWarning, match="diverged in epoch") as said:
        first = run(tmp_path, **options)
    with pytest.warns(RuntimeWarning, match="diverged in epoch") as again:
        assert same(run(tmp_path, **options), first)
    assert str(said[0].message) == str(again[0].message)


def batches(epoch, start):
    rows = np.random.default_rng(epoch).permutation(20).reshape(5, 4)
    for several in rows[start:]:
        yield X[several], X[several, :2]


def stream(folder=None, epochs=4, callback=None):
    kept = None if folder is None else Checkpoints(folder, epochs=2, seconds=None, keep=99)
    params = init(NETWORK, jax.random.key(0))
    return fit_stream(
        NETWORK, params, batches, batch_size=4, optimizer=OPTIMIZER, epochs=epochs, checkpoints=kept, callback=callback
    )


def test_a_stream_is_written_after_its_epochs_and_goes_on_within_one(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpjax.fitting.blocks.MOST_BATCHES", 2)
    stream(tmp_path / "quiet")
    assert steps(tmp_path / "quiet") == [0, 1]

    def stop_within(epoch, state, history):
        if epoch == 1 and state.cursor.batches == 4:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="interrupted after 1 of 4 epochs"):
        state, _ = stream(tmp_path / "cut", callback=stop_within)
    assert state.cursor.batches == 4
    assert same(stream(tmp_path / "cut"), stream())


@pytest.mark.parametrize("path", ["file", "file/within", "/proc/nowhere"])
def test_a_folder_that_cannot_be_one_is_refused_before_training(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"checkpoints cannot be kept in .*: (File exists|Not a directory|No such file)"):
        run(tmp_path / path, callback=lambda *_: pytest.fail("it trained"))


@pytest.mark.parametrize(("name", "bad"), [("epochs", 0), ("seconds", 0), ("keep", 0)])
def test_numbers_that_make_no_sense(name, bad):
    with pytest.raises(ValueError, match=f"{name} must be .*, got {bad}"):
        Checkpoints("folder", **{name: bad})


FULL_DISK = """
import resource, signal, sys, warnings
sys.path.insert(0, "tests")
import test_checkpoints as t
from pathlib import Path
folder = Path(sys.argv[1])
t.run(folder, epochs=4)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400, resource.RLIM_INFINITY))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    full = t.run(folder, epochs=8)
assert len(said) == 3, said
assert all("could not be written" in str(one.message) and "Training goes on" in str(one.message) for one in said), said
assert t.same(full, t.run(epochs=8))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert t.same(t.run(folder, epochs=10), t.run())
print(t.steps(folder))
"""


def test_a_full_disk_warns_and_loses_nothing(tmp_path):
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "full")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[5, 6, 7]\n"


def test_a_thread_of_a_save_that_failed_complains_to_no_one(caplog):
    go = threading.Event()
    complaint = threading.Thread(target=lambda: (go.wait(), logging.getLogger("absl").error("too late")))

    @_quiet()
    def save():
        complaint.start()
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        save()
    logging.getLogger("absl").error("of another")
    go.set()
    complaint.join()
    assert [record.message for record in caplog.records] == ["of another"]


def test_without_orbax_the_error_names_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mlpjax\[checkpoints\]'"):
        run(tmp_path)
