"""What a notebook that runs commands needs: a folder of its own, and the commands of the Python it runs in."""

import os
import sys
import tempfile
from pathlib import Path

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["COLUMNS"] = "100"
os.environ["PYTHONWARNINGS"] = "ignore"
os.chdir(tempfile.mkdtemp())
