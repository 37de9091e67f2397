"""What was measured, on what: tables for people, and one JSON file a device."""

import json
import os
import platform
import re
import tempfile
from importlib import metadata
from pathlib import Path

import jax
from rich import box
from rich.table import Table

LIBRARIES = ("mlpjax", "jax", "jaxlib", "optax", "orbax-checkpoint", "numpy", "scikit-learn", "torch", "equinox", "flax")


def machine() -> dict:
    """The machine, in words and numbers."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "device": jax.devices()[0].device_kind,
        "platform": jax.default_backend(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def versions() -> dict[str, str | None]:
    """Every library's version, None for one that is not installed."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def write(results: dict, folder: Path) -> Path:
    """Write the results of this device, whole or not at all, over those before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub('[^a-z0-9]+', '-', results['machine']['device'].lower()).strip('-')}.json"
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{path.name}.", delete=False, encoding="utf-8") as file:
        json.dump(results, file, indent=2, ensure_ascii=False)
        file.write("\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
    return path


def tables(results: dict) -> list[Table]:
    """A table for each comparison that was made."""
    made = {
        "gradient": _gradient, "epoch": _epoch, "peak": _peak, "driver": _driver, "stream": _stream, "sklearn": _sklearn,
        "ensemble": _ensemble, "per_example": _per_example, "drop_in": _drop_in, "input_derivatives": _input_derivatives,
        "second_order": _second_order, "memory": _memory,
    }  # fmt: skip
    return [table(results[name]) for name, table in made.items() if name in results]


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _spread(ratio: dict, digits: str = ".3f") -> str:
    return f"{ratio['p5']:{digits}}–{ratio['p95']:{digits}}"


def _microseconds(value: float) -> str:
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _met(holds: bool) -> str:
    return "[green]yes[/]" if holds else "[red]no[/]"


def _gradient(results: list[dict]) -> Table:
    title = "backprop over autodiff in gradient descent (targets: time and memory ≤ 1)"
    return _time_and_memory(title, "backprop", results)


def _second_order(results: list[dict]) -> Table:
    title = "products with second derivatives over JAX's forward over reverse (targets: time and memory ≤ 1)"
    return _time_and_memory(title, "mlpjax", results)


def _network(row: dict) -> str:
    sizes = row["network"].split("-")
    return f"{sizes[0]} × {len(sizes)}" if len(sizes) > 8 else row["network"]


def _time_and_memory(title: str, ours: str, results: list[dict]) -> Table:
    rows = []
    for row in results:
        time, memory = row["time_ratio"], row["memory_ratio"]
        what = f"{row['product']}, " if "product" in row else ""
        name = f"{what}{_network(row)}, {row['batch']}, {row['activation']}"
        microseconds = _microseconds(row["microseconds_per_step"][ours])
        bytes_ratio = "-" if memory is None else f"{memory:.3f}"
        met = time["median"] <= 1 and (memory is None or memory <= 1)
        rows.append([name, microseconds, f"{time['median']:.3f}", _spread(time), bytes_ratio, _met(met)])
    return _table(title, ["network, batch", "µs/step", "time", "5–95 %", "memory", "met"], rows)


def _epoch(results: list[dict]) -> Table:
    rows = []
    for row in results:
        microseconds = row["microseconds_per_step"]
        rows += [[f"{row['network']}, {row['batch']}"], ["  mlpjax", _microseconds(microseconds["mlpjax"])]]
        for peer, ratio in row["peer_over_mlpjax"].items():
            expected = row["expected"].get(peer)
            target = [] if expected is None else [f"×{expected:g}", _met(ratio["median"] >= expected)]
            median = f"×{ratio['median']:.3g}"
            rows.append([f"  {peer}", _microseconds(microseconds[peer]), median, _spread(ratio, ".3g"), *target])
        rows += [[f"  {peer}: left out"] for peer in row["left_out"]]
    title = "an epoch with Adam: peer over mlpjax (target: as far ahead as the prototype)"
    return _table(title, ["network, batch", "µs/step", "ratio", "5–95 %", "target", "met"], rows)


def _peak(results: list[dict]) -> Table:
    rows = []
    for row in results:
        for name, rate in row["gflop_per_second"].items():
            ratio = row["rate_over"].get(name)
            compared = [] if ratio is None else [f"{ratio['median']:.3f}", _spread(ratio), _met(ratio["median"] >= 0.9)]
            rows.append([name, _microseconds(row["microseconds"][name]), f"{rate:,.0f}", *compared])
    title = f"{results[0]['network']}, {results[0]['batch']}: rate of backprop over bare products (target: ≥ 0.90)"
    return _table(title, ["", "µs", "GFLOP/s", "ratio", "5–95 %", "met"], rows)


def _stream(results: list[dict]) -> Table:
    rows = [
        [
            f"{row['rows']:,} × {row['columns']}, {row['file_bytes'] / 1e9:.2f} GB",
            f"{row['peak_bytes'] / 1e9:.2f} GB",
            f"{row['seconds']:.0f} s",
            f"{row['rows_per_second_in_epoch']:,}",
            _met(row["peak_bytes"] < 2e9),
        ]
        for row in results
    ]
    title = "a table as a stream, by the command line (target: less than 2 GB at its peak)"
    return _table(title, ["Parquet", "peak memory", "time", "examples/s in the epoch", "met"], rows)


def _sklearn(results: list[dict]) -> Table:
    rows = []
    for row in results:
        warm, cold = row["sklearn_over_mlpjax"]["mlpjax"], row["sklearn_over_mlpjax"]["mlpjax, compiling"]
        options = "".join(f", {value}" for value in row["options"].values())
        name, score = f"{row['data']}, {row['dtype']}{options}", row["score"]
        ratios = [f"×{warm['median']:.3g}", _spread(warm, ".3g"), f"×{cold['median']:.3g}", _spread(cold, ".3g")]
        scores = [f"{score['mlpjax']:.4f}", f"{score['scikit-learn']:.4f}", f"{row['largest_difference_of_a_fold']:.1g}"]
        rows.append([name, f"{row['seconds']['mlpjax']:.3f}", *ratios, *scores])
    columns = ["", "s", "ratio", "5–95 %", "compiling", "5–95 %", "score", "theirs", "a fold's difference"]
    return _table("scikit-learn over mlpjax.sklearn, a fit of 200 epochs; score of five folds", columns, rows)


def _ensemble(results: list[dict]) -> Table:
    rows = []
    for row in results:
        times, ratio, first = (
            row["microseconds_per_step_and_network"],
            row["fit_over_sweep"],
            row["first_call_of_depths"]["seconds"],
        )
        of_sweep, of_fit = f"{times['sweep']:.2f}", f"{times['fit']:.2f}"
        compared = [f"×{ratio['median']:.3g}", _spread(ratio, ".3g"), _met(ratio["median"] >= 3)]
        rows.append([str(row["devices"]), of_sweep, of_fit, *compared, f"{first['sweep']:.1f} s", f"{first['fit']:.1f} s"])
    row = results[0]
    title = f"{row['networks']} networks of {row['network']}, batch {row['batch']}: one after another over one call (target: ≥ 3)"
    columns = ["devices", "µs/step", "alone", "ratio", "5–95 %", "met", "4 depths", "alone"]
    return _table(title, columns, rows)


def _per_example(results: list[dict]) -> Table:
    targets = {
        "norms over backprop": lambda time, memory: time <= 2 and memory <= 1.5,
        "vmap norms over norms": lambda time, memory: time >= 15 and memory >= 20,
    }
    rows = []
    for row in results:
        for name, ratio in row["ratios"].items():
            time, memory = ratio["time"]["median"], ratio["memory"]
            met = [_met(targets[name](time, memory))] if name in targets else []
            rows.append([f"{row['activation']}: {name}", f"{time:.2f}", _spread(ratio["time"], ".2f"), f"{memory:.2f}", *met])
    row = results[0]
    title = (
        f"{row['network']}, batch {row['batch']}: each example's gradient\n(targets: norms over backprop ≤ 2 in time, ≤ 1.5 in "
        "memory; vmap(grad) over norms ≥ 15 and ≥ 20)"
    )
    return _table(title, ["", "time", "5–95 %", "memory", "met"], rows)


def _drop_in(results: list[dict]) -> Table:
    rows = []
    for row in results:
        time, memory = row["time_ratio"], row["memory_ratio"]
        name = f"{row['network']}, {row['batch']}, {row['activation']}, {row['way']}"
        microseconds = _microseconds(row["microseconds_per_step"]["apply"])
        bytes_ratio = "-" if memory is None else f"{memory:.3f}"
        rows.append([name, microseconds, f"{time['median']:.3f}", _spread(time), bytes_ratio, _met(time["median"] <= 1)])
    title = "apply over predict under jax.grad (target: time ≤ 1)"
    return _table(title, ["network, batch", "µs/step", "time", "5–95 %", "memory", "met"], rows)


def _input_derivatives(results: list[dict]) -> Table:
    rows = []
    for row in results:
        time, memory = row["time_ratio"], row["memory_ratio"]
        microseconds, kilobytes = row["microseconds"]["laplacian"], row["temporary_bytes"]["laplacian"] / 1e3
        targets = [_met(time["median"] <= 1), _met(time["median"] <= 0.5)]
        numbers = [_microseconds(microseconds), f"{time['median']:.3f}", _spread(time), *targets]
        rows.append([f"{row['inputs']}, {row['of']}", *numbers, f"{kilobytes:,.0f}", f"{memory:.3f}", _met(memory <= 0.25)])
    row = results[0]
    title = f"laplacian over the trace of jax.hessian, {row['hidden']} tanh, batch {row['batch']} (memory target: ≤ 0.25)"
    return _table(title, ["inputs", "µs", "time", "5–95 %", "≤ 1", "≤ ½", "kB", "memory", "met"], rows)


def _memory(results: list[dict]) -> Table:
    rows = []
    for row in results:
        rows.append([row["what"]])
        for name, held in row["temporary_bytes"].items():
            time = row["time_ratio"][name]
            bytes_ratio = f"{row['memory_ratio'][name]:.3f}"
            rows.append([f"  {name}", f"{held / 2**20:,.1f}", bytes_ratio, f"{time['median']:.3f}", _spread(time)])
    return _table("temporary memory, and the time for it, over the first of each", ["", "MiB", "memory", "time", "5–95 %"], rows)


def _driver(results: list[dict]) -> Table:
    rows = []
    for row in results:
        for name, microseconds in row["microseconds"].items():
            ratio = (row["over_scan"] | row["over_fit"]).get(name)
            compared = [] if ratio is None else [f"{ratio['median']:.3f}", _spread(ratio), _met(ratio["median"] <= 1.05)]
            rows.append([f"{row['network']}, {row['epochs']} epochs: {name}", f"{microseconds / 1000:,.1f}", *compared])
    return _table("fit over a bare scan, health over fit (targets: ≤ 1.05)", ["", "ms", "ratio", "5–95 %", "met"], rows)
