"""The commands and their options as Markdown, from the command line itself."""

import typer

from mlpjax.cli import app


def markdown() -> str:
    """A section for each command: what it does, its options with their defaults, examples."""
    commands = typer.main.get_command(app).commands
    return "\n".join(_command(name, command) for name, command in commands.items())


def _command(name: str, command) -> str:
    about = "\n".join(line.strip() for line in command.help.splitlines())
    rows = [f"| {_names(option)} | {_cell(option.help)} | {_default(option)} |" for option in command.params]
    table = ["| option | what it is | by default |", "|---|---|---|", *rows]
    return "\n".join([f"## mlpjax {name} {{#{name}}}", "", about, "", *table, "", _code(command.epilog or ""), ""])


def _names(option) -> str:
    names = [name.upper() for name in option.opts] if option.param_type_name == "argument" else option.opts
    return ", ".join(f"`{name}`" for name in names)


def _default(option) -> str:
    """What the help says where it says it in words, and else the value."""
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return _cell(option.show_default)
    return "" if option.default is None or isinstance(option.default, bool) else f"`{option.default}`"


def _cell(text: str) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _code(epilog: str) -> str:
    """The commands of the examples as code, what follows a colon as words."""
    lines = []
    for line in epilog.splitlines():
        command, colon, words = line.removeprefix("* ").partition(": ")
        lines.append(f"* `{command}`{colon}{words}" if line.startswith("* ") else line)
    return "\n".join(lines)
