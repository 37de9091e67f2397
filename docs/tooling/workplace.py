"""What a notebook that runs commands needs: a folder of its own, the commands of the Python it runs in, and a cell for them."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from IPython import get_ipython

WIDTH = 82

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["COLUMNS"] = "100"
os.environ["PYTHONWARNINGS"] = "ignore"
for forced in ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
    os.environ.pop(forced, None)
os.chdir(tempfile.mkdtemp())


def bash(options: str, cell: str) -> None:
    """The `%%bash` of this kernel: one that fails where any of its commands does, and shows what they print in one piece."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", cell], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print("".join(map(_wrapped, done.stdout.splitlines(keepends=True))), end="")
    done.check_returncode()


def _wrapped(line: str) -> str:
    """As a terminal of the page's width would show words; a table is left as it is."""
    words = len(line) > WIDTH and "  " not in line.strip() and not set("─│{") & set(line)
    return f"{textwrap.fill(line, WIDTH, subsequent_indent='  ', break_long_words=False)}\n" if words else line


get_ipython().register_magic_function(bash, "cell")
