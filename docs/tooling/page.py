"""Runs the blocks of a page, which come as JSON, one after another: python page.py PAGE < blocks.json"""

import contextlib
import io
import json
import sys
import traceback


def main(where: str) -> None:
    """Write what each printed; after one that raises the others do not run."""
    names, outcomes, blocks = {"__name__": "__page__"}, [], json.load(sys.stdin)
    for number, code in enumerate(blocks, 1):
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, f"{where}, block {number}", "exec"), names)
        except Exception:
            error = traceback.format_exc(limit=-4)
            outcomes += [{"error": error}, *[{"error": "a block before it raised"}] * (len(blocks) - number)]
            break
        outcomes.append({"output": printed.getvalue()})
    json.dump(outcomes, sys.stdout)


main(sys.argv[1])
