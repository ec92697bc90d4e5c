"""How every command behaves on the command line: the options that all share, the look of its help, hints at what was meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from dbsvc.cli import metrics, output

_SHOWN_EVERYWHERE = ("results", "quiet", "verbose")  # of the shared options; `dbsvc --help` shows all
_ALL = 1000  # characters: no first sentence of a command is longer
_NOT_ONE_OF = re.compile(r"'(.*)' is not one of ")
#: How a range is written, and how it reads.
_RANGES = ((re.compile(r"(\S+)<=x<=(\S+?)(?=[\];])"), r"\1 to \2"), (re.compile(r"x>=(\S+?)(?=[\];])"), r"at least \1"))


class Results(StrEnum):
    """How results are shown."""

    table = "table"
    json = "json"
    csv = "csv"
    junit = "junit"


class Logs(StrEnum):
    """How logs are written."""

    text = "text"
    json = "json"


def examples(*lines: str) -> str:
    """Return the end of a help page: what one may type."""
    return "\n".join(lines)


def _set(name: str) -> Any:
    """Return what takes over a shared option, wherever it stands."""

    def take(context: typer.Context, given: Any) -> None:
        if given is not None and given is not False and not context.resilient_parsing:
            setattr(output.options, name, given)
            output.begin()

    return take


def _set_metrics(context: typer.Context, path: Path | None) -> None:
    if path and not metrics.is_for_metrics(path):
        raise typer.BadParameter(f"--metrics-file {path} holds something else than metrics, which would be lost.")
    _set("metrics")(context, path)


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        print(f"dbsvc {version('dbsvc')}")
        raise typer.Exit


def _share(
    results: Annotated[
        Results | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FORMAT",
            callback=_set("results"),
            help="table, json (lines), of revenue also csv, of check junit. By default table on a terminal, else json.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=_set("quiet"), help="Results and errors only: no progress, no logs.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", callback=_set("verbose"), help="Log every step and statement to standard error.")
    ] = False,
    logs: Annotated[
        Logs | None,
        typer.Option(
            "--log-format",
            metavar="FORMAT",
            callback=_set("logs"),
            help="text or json: how to log. By default json, and on a terminal warnings as text.",
        ),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=_set_metrics, help="Write metrics of this run for Prometheus's textfile collector."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", callback=_set("debug"), help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the options that every command shares."""


@cache
def _shared() -> tuple[Any, ...]:
    holder = typer.Typer(add_completion=False)
    holder.callback()(_share)
    holder.command("nothing")(lambda: None)
    shared = tuple(typer.main.get_command(holder).params)
    for option in shared:
        option.expose_value = False
    return shared


class _Common:
    """What commands and groups of them have in common."""

    #: how its results can be shown
    formats: tuple[str, ...] = ("table", "json")
    #: which of the shared options it does without
    without: tuple[str, ...] = ()

    def __init__(self, *given: Any, **settings: Any) -> None:
        settings["context_settings"] = {"help_option_names": ["-h", "--help"], **(settings.get("context_settings") or {})}
        super().__init__(*given, **settings)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its own parameters, then those that all have."""
        *own, helps = super().get_params(ctx)  # type: ignore[misc]
        return [*own, *(option for option in _shared() if option.name not in self.without), helps]

    def summaries(self) -> list[tuple[str, str]]:
        """Return the commands of it that a person is shown, each with what it is for."""
        return []

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line, names without braces."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [re.sub(r"^\{(.*)\}$", r"\1", piece) for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, its own options, those of every command, and commands, each with a whole sentence."""
        *own, helps = super().get_params(ctx)  # type: ignore[misc]
        usual = {option.name for option in _shared() if ctx.parent is None or option.name in _SHOWN_EVERYWHERE}
        shared = [option for option in _shared() if option.name in usual.difference(self.without)]
        of_kind = {kind: [param for param in own if param.param_type_name == kind] for kind in ("argument", "option")}
        for title, params in (
            ("Arguments", of_kind["argument"]),
            ("Options", of_kind["option"]),
            ("Options of every command", [*shared, helps]),
        ):
            rows = [readable(*record) for param in params if (record := param.get_help_record(ctx))]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=26)
        if summaries := self.summaries():
            with formatter.section("Commands"):
                formatter.write_dl(summaries)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, each on its line."""
        if lines := (getattr(self, "epilog", None) or "").splitlines():
            with formatter.section("Examples"):
                formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in lines))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. What is not known is told with what may be meant."""
        try:
            parsed: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        except Exception as error:
            _suggest(error)
            raise
        return parsed


class Command(_Common, TyperCommand):
    """A command."""

    def invoke(self, ctx: Any) -> Any:
        """Run it, if its results can be shown as they are asked for."""
        if (results := output.options.results) and results not in self.formats:
            fit = {"csv": "revenue", "junit": "check"}
            named = f"`dbsvc {fit[results]}`" if results in fit else "other commands"
            ctx.fail(f"--output {results} goes with {named}.")
        return super().invoke(ctx)


def _is_typed(ctx: Any, name: Any) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


class Group(_Common, TyperGroup):
    """A command of commands."""

    formats = tuple(Results)

    def summaries(self) -> list[tuple[str, str]]:
        """Return the commands of it that a person is shown, each with what it is for."""
        return [(name, summary(command)) for name, command in self.commands.items() if not command.hidden]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command. A number is no command, but may be a load's."""
        if args and args[0].isdecimal() and "show" in self.commands:
            ctx.fail(f"No such command '{args[0]}'. Did you mean `{ctx.command_path} show {args[0]}`?")
        for param in self.params:  # its own options; what all commands share may stand anywhere
            if not ctx.resilient_parsing and _is_typed(ctx, param.name):
                ctx.fail(f"{param.opts[0]} before {args[0]} would be lost: it belongs behind the command that it is for.")
        return super().resolve_command(ctx, args)


def summary(command: Any) -> str:
    """Return what a command is for: the first sentence of its help."""
    return str(command.get_short_help_str(_ALL))


def group(cls: type[Group] = Group, **settings: Any) -> typer.Typer:
    """Return what commands are added to. One alone is a command itself, unless there is a callback."""
    return typer.Typer(cls=cls, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, **settings)


def readable(name: str, said: str) -> tuple[str, str]:
    """Return a line of help whose choices stand without brackets, and whose ranges read as words."""
    for pattern, words in _RANGES:
        said = pattern.sub(words, said)
    return re.sub(r"<(.*)>$", r"\1", name), said


def _suggest(error: Any) -> None:
    """Add to an error of the command line what may be meant."""
    meant: list[str] = list(getattr(error, "possibilities", None) or [])
    if meant:
        error.possibilities = None
    choices = getattr(getattr(getattr(error, "param", None), "type", None), "choices", None)
    if choices and (given := _NOT_ONE_OF.search(error.message)):
        meant = get_close_matches(given[1].lower(), [str(getattr(choice, "value", choice)) for choice in choices], n=1)
    if meant:
        error.message = f"{error.message.rstrip('.')}. Did you mean {' or '.join(meant)}?"
