"""How many networks fit the memory at once, from what the compiler says that they take."""

import os
from collections.abc import Callable

import jax

SHARE = 0.5
"""How much of what is free on a machine, or of what an accelerator has, an ensemble may take."""


def free_memory() -> int:
    """Bytes that an ensemble may take on each of the devices of this process."""
    devices = jax.local_devices()
    limit = (devices[0].memory_stats() or {}).get("bytes_limit")
    if limit:
        return int(limit * SHARE)
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * SHARE / len(devices))


def taken(compiled: jax.stages.Compiled) -> int:
    """Bytes that a compiled call takes on each device: what goes in, what comes out, and what it works with."""
    analysis = compiled.memory_analysis()
    if analysis is None:
        return 0
    return (
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        - analysis.alias_size_in_bytes
        + analysis.temp_size_in_bytes
    )


def fitting(compile_for: Callable[[int], jax.stages.Compiled], networks: int, devices: int, memory: int) -> tuple[int, Callable]:
    """The most networks that one call can take, a multiple of the devices, and the call.

    Args:
        compile_for: from a number of networks to the call compiled for it.
        networks: how many there are.
        devices: over how many they are spread.
        memory: bytes on each device.

    Raises:
        MemoryError: not even one network a device fits.
    """
    count = -(-networks // devices) * devices
    while (needed := taken(compiled := compile_for(count))) > memory:
        if count == devices:
            raise MemoryError(
                f"one network takes {needed:,} bytes of memory and {memory:,} are to be had: choose a smaller batch size, "
                "fewer examples, or more memory"
            )
        fewer = int(count * memory / needed / devices) * devices
        count = max(devices, min(fewer, count - devices))
    return count, compiled
