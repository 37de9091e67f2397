"""Many networks in one compiled call against one after another, in a process whose devices are the cores of the machine."""

import json
import os
import subprocess
import sys

from benchmarks.timing import Effort

NETWORKS, EXAMPLES, BATCH, EPOCHS = 64, 200, 10, 100
SIZES = (2, 8, 8, 2)
DEPTHS = (1, 2, 3, 4)


def compare(effort: Effort, say) -> list[dict]:
    """One result for each number of devices: 64 networks of 2-8-8-2, and the first call for several depths."""
    results = []
    for devices in sorted({1, os.cpu_count() or 1}):
        say(f"ensemble: {NETWORKS} networks of {'-'.join(map(str, SIZES))} on {devices} devices")
        command = [sys.executable, "-m", "benchmarks.ensemble", json.dumps([devices, *effort])]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(said.splitlines()[-1]))
    return results


def measure(devices: int, effort: Effort) -> dict:
    """The times of one process."""
    import jax

    jax.config.update("jax_num_cpu_devices", devices)
    import numpy as np
    import optax

    from benchmarks.timing import interleaved
    from mlpjax import MLP, fit, init, selection

    x = np.random.default_rng(0).normal(size=(EXAMPLES, SIZES[0])).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    key, adam = jax.random.key(0), optax.adam(1e-2)
    options = {"epochs": EPOCHS, "batch_size": BATCH, "optimizer": adam}

    def network(depth=2):
        return MLP((SIZES[0], *(SIZES[1],) * depth, SIZES[-1]), "tanh", "softmax_cross_entropy_with_integer_labels")

    def one_after_another(mlps, seeds):
        for mlp in mlps:
            for seed in range(seeds):
                start, order = selection.keys(key, seed)
                jax.block_until_ready(fit(mlp, init(mlp, start), x, y, key=order, **options))

    first = {
        "sweep": _seconds(lambda: selection.sweep(network(), x, y, key=key, depths=DEPTHS, seeds=4, **options)),
        "fit": _seconds(lambda: one_after_another(map(network, DEPTHS), 4)),
    }
    times = interleaved(
        {
            "sweep": lambda: selection.sweep(network(), x, y, key=key, seeds=NETWORKS, **options),
            "fit": lambda: one_after_another([network()], NETWORKS),
        },
        effort,
    )
    steps = EPOCHS * EXAMPLES // BATCH * NETWORKS
    return {
        "network": "-".join(map(str, SIZES)),
        "networks": NETWORKS,
        "batch": BATCH,
        "epochs": EPOCHS,
        "devices": devices,
        **times.counts(),
        "microseconds_per_step_and_network": times.microseconds(steps),
        "fit_over_sweep": times.ratio("fit", "sweep"),
        "first_call_of_depths": {"depths": DEPTHS, "seconds": {name: round(value, 2) for name, value in first.items()}},
    }


def _seconds(run) -> float:
    import time

    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    devices, *effort = json.loads(sys.argv[1])
    print(json.dumps(measure(devices, Effort(*effort))))
