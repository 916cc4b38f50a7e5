"""The command `nexus`.

Exit codes: 0 done; 1 it did not work; 2 the command line or the configuration is wrong; 3 done, but some records were
refused; 130 interrupted. Errors go to standard error as one sentence that ends with the next step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nexus import __version__
from nexus.errors import ConfigError, InvalidRequest, NexusError

if TYPE_CHECKING:
    from cyclopts import App

DONE, FAILED, WRONG_USE, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130

_EPILOGUE = (
    "Exit codes: 0 done, 1 it did not work, 2 wrong command line or configuration, 3 some records were refused, "
    "130 interrupted."
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its code."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run the command; its exit code."""
    if words == ["up"]:
        # The usual way to start needs no command line parser, which takes a while to load.
        return _guarded(up)
    from cyclopts import CycloptsError

    if words[:1] == ["ingest"]:
        # The parser takes a lone hyphen for an option; standard input is what no name means, too.
        words = [word for word in words if word != "-"]
    if words[:2] == ["logs", "export"]:
        words = [word for before, word in zip(["", *words], words, strict=False) if word != "-" or before != "--output"]
        words = [word for word, after in zip(words, [*words[1:], ""], strict=True) if word != "--output" or after[:1] != "-"]
    app = build()
    try:
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"nexus: {' '.join(str(error).split())} `nexus --help` shows the commands.", file=sys.stderr)
        return WRONG_USE
    return _guarded(command, *bound.args, **bound.kwargs)


def _guarded(command: Any, *args: Any, **kwargs: Any) -> int:
    try:
        code = command(*args, **kwargs)
    except (ConfigError, InvalidRequest) as error:
        print(f"nexus: {error}", file=sys.stderr)
        return WRONG_USE
    except NexusError as error:
        print(f"nexus: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"nexus: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("nexus: interrupted.", file=sys.stderr)
        return INTERRUPTED
    return code if isinstance(code, int) else DONE


def build() -> App:
    """The commands."""
    from cyclopts import App

    from nexus import metrics_command, sampling_command, server_commands

    app = App("nexus", help="Open observability platform.", help_epilogue=_EPILOGUE, version=f"nexus {__version__}")
    config = App("config", help="Look at the configuration.")
    admin = App("admin", help="Users and their roles, while Nexus is stopped (or with metadata in PostgreSQL).")
    pipeline = App("pipeline", help="Work on pipelines.")
    for command in (up, server_commands.ingest, doctor, migrate, version):
        app.command(command)
    config.command(config_show, "show")
    config.command(config_check, "check")
    admin.command(reset_password, "reset-password")
    admin.command(create_user, "create-user")
    admin.command(list_users, "list-users")
    admin.command(grant, "grant")
    admin.command(login_link, "login-link")
    logs = App("logs", help="Look at stored records, watch new ones, take them out.")
    logs.command(server_commands.search, "search")
    logs.command(server_commands.tail, "tail")
    logs.command(server_commands.export, "export")
    metrics = App("metrics", help="PromQL, series and labels on a terminal.")
    metrics.command(metrics_command.query, "query")
    metrics.command(metrics_command.range_, "range")
    metrics.command(metrics_command.series, "series")
    metrics.command(metrics_command.labels, "labels")
    app.command(metrics)
    traces = App("traces", help="Traces.")
    sampling = App("sampling", help="Which traces are kept.")
    sampling.command(sampling_command.show, "show")
    sampling.command(sampling_command.set_, "set")
    sampling.command(sampling_command.preview, "preview")
    traces.command(sampling)
    app.command(traces)
    pipeline.command(pipeline_test, "test")
    pipeline.command(server_commands.push, "push")
    pipeline.command(server_commands.pull, "pull")
    secret = App("secret", help="Secrets of the configuration and of the metadata.")
    secret.command(secret_seal, "seal")
    secret.command(secret_rotate, "rotate")
    app.command(pipeline)
    app.command(secret)
    audit = App("audit", help="The audit log.")
    audit.command(audit_verify, "verify")
    app.command(audit)
    app.command(config)
    app.command(admin)
    app.command(logs)
    return app


def up(config: Path | None = None) -> int:
    """Start Nexus in the foreground.

    Parameters
    ----------
    config
        Configuration file; without it NEXUS_CONFIG, or nexus.yaml when it exists.
    """
    from nexus import app

    return app.up(config)


def doctor(config: Path | None = None, *, json: bool = False) -> int:
    """Check this machine and its configuration, and say what to do.

    Parameters
    ----------
    config
        Configuration file.
    json
        Print the findings as JSON.
    """
    from nexus import doctor as command

    return command.run(config, as_json=json)


def migrate(config: Path | None = None, *, dry_run: bool = False) -> int:
    """Bring the data directory to this version's format. `nexus up` does so by itself.

    Parameters
    ----------
    config
        Configuration file.
    dry_run
        Only print what would be run.
    """
    from nexus import app

    return app.migrate(config, dry_run=dry_run)


def version() -> int:
    """Print the versions of Nexus and of its native module."""
    print(f"nexus {__version__}")
    try:
        from nexus import _native
    except ImportError as error:
        print(f"native module missing: {error}. Run `make setup`.", file=sys.stderr)
        return FAILED
    print(f"native module {_native.version()}")
    return DONE


def config_show(config: Path | None = None) -> int:
    """Print every setting, its value and where that came from.

    Parameters
    ----------
    config
        Configuration file.
    """
    from nexus.config import load, shown

    rows = [(option.name, text, source, option.variable) for option, text, source in shown(load(file=config))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(row[column].ljust(widths[column]) for column in range(3)), row[3]]))
    return DONE


def config_check(config: Path | None = None) -> int:
    """Say whether the configuration is right.

    Parameters
    ----------
    config
        Configuration file.
    """
    from nexus.config import load

    loaded = load(file=config)
    print(f"The configuration is right ({loaded.file or 'no file'}, {len(loaded.sources)} values set).")
    return DONE


def pipeline_test(*files: Path) -> int:
    """Run the tests in files of pipelines. Needs no server.

    Parameters
    ----------
    files
        YAML files.
    """
    from nexus import pipeline_command

    return pipeline_command.test(files)


def secret_seal(config: Path | None = None) -> int:
    """Read a secret from standard input and print it sealed, for the configuration.

    What is printed can stand in the file or in an environment variable instead of the secret. Only the key file opens it.

    Parameters
    ----------
    config
        Configuration file.
    """
    from nexus import secret_command

    return secret_command.seal(config)


def secret_rotate(config: Path | None = None, *, forget: bool = False, only_forget: bool = False) -> int:
    """Make new keys and seal with them what is stored. Nexus must not be running on the data directory.

    Parameters
    ----------
    config
        Configuration file.
    forget
        Remove the old keys afterwards.
    only_forget
        Make no new keys, only remove the old ones.
    """
    from nexus import secret_command

    return secret_command.rotate(config, forget=forget, only_forget=only_forget)


def audit_verify(
    config: Path | None = None, *, all: bool = False, json: bool = False, url: str = "", token: str = ""
) -> int:
    """Find entries of the audit log that were removed, altered, moved, added or cut off.

    Without --url it reads the data directory itself, unless Nexus runs on it: then it asks that. Exits with 1 when the
    log is not sound.

    Parameters
    ----------
    config
        Configuration file.
    all
        Print every problem and not only the first ones.
    json
        Print the report as JSON.
    url
        Address of Nexus.
    token
        API key that may read the audit log of all tenants; without it NEXUS_TOKEN or NEXUS_BOOTSTRAP_TOKEN.
    """
    from nexus import audit_command

    return audit_command.verify(config, every=all, as_json=json, url=url, token=token)


def login_link(config: Path | None = None, *, username: str = "admin") -> int:
    """Print a link that logs a user in once, without password and second factor. Nexus may be running.

    Parameters
    ----------
    config
        Configuration file.
    username
        Who is logged in.
    """
    from nexus import app

    return app.login_link(config, username)


def reset_password(config: Path | None = None, *, username: str = "admin") -> int:
    """Give a user a new password and print it; every session of the user ends.

    Parameters
    ----------
    config
        Configuration file.
    username
        Whose password.
    """
    from nexus import admin_command

    return admin_command.reset_password(config, username)


def create_user(username: str, config: Path | None = None, *, role: list[str] | None = None) -> int:
    """Make a user and print the password, which has to be changed at the first login.

    Parameters
    ----------
    username
        Name to log in with.
    config
        Configuration file.
    role
        What the user may do, as role@tenant with * for every tenant: admin@*, viewer@default. May be given several times.
    """
    from nexus import admin_command

    return admin_command.create_user(config, username, role or [])


def list_users(config: Path | None = None) -> int:
    """Print every user with source and roles, those of teams included.

    Parameters
    ----------
    config
        Configuration file.
    """
    from nexus import admin_command

    return admin_command.list_users(config)


def grant(username: str, role: str, config: Path | None = None) -> int:
    """Give a user a role.

    Parameters
    ----------
    username
        Who gets it.
    role
        As role@tenant with * for every tenant: admin@*, viewer@default.
    config
        Configuration file.
    """
    from nexus import admin_command

    return admin_command.grant(config, username, role)
