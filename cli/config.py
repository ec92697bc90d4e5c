"""``dbsvc config``: the settings, and where they come from."""

from __future__ import annotations

from dbsvc.cli import commands, output

app = commands.group(
    help="The settings, and where they come from.", no_args_is_help=True, epilog=commands.examples("dbsvc config show")
)

app.callback()(lambda: None)  # more than its one command may come


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc config show", "dbsvc config show -o json"))
def show() -> None:
    """Show every setting: its value, without secrets, and whether it is of the environment, of .env, or the default."""
    from dbsvc.engine.settings import list_settings, read_settings

    rows = [{"setting": one.variable, "value": one.value, "origin": one.origin} for one in list_settings()]
    output.show("", rows, ["setting", "value", "origin"])
    read_settings()  # says what cannot be
