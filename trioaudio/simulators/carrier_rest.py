"""Run a simulated REST interface: `python -m trioaudio.simulators.carrier_rest --help`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import exit_code_for
from trioaudio.simulators.ending import (
    Ending,
    stdin_is_watchable,
    wait_signalled,
    wait_stdin_closed,
)
from trioaudio.simulators.groups import first_of
from trioaudio.simulators.rest import rest_names
from trioaudio.simulators.rest.desk import RestAccount
from trioaudio.simulators.rest_serving import FAULTS, RestOptions, open_rest
from trioaudio.simulators.services.faults import FaultKind


def main(argv: Sequence[str]) -> int:
    """Serve as the command line says until told to end; return the exit code."""
    failure: TrioaudioError | None = None
    try:
        trio.run(_serve, *_parse(argv))
    except* TrioaudioError as group:
        failure = first_of(group)
    if failure is None:
        return 0
    sys.stderr.write(f"trioaudio simulate rest: {failure}\n")
    return exit_code_for(failure)


async def _serve(options: RestOptions, webhook: str | None, child: bool) -> None:  # noqa: FBT001
    ending = Ending()
    signals = (signal.SIGTERM,) if child else (signal.SIGTERM, signal.SIGINT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_signalled, ending, signals)
        async with open_rest(options, _print) as opened:
            _print({"event": "listening", "carrier": options.carrier, "url": opened.url})
            if webhook is not None:
                opened.call_in(webhook)
            with ending.interrupted():
                if stdin_is_watchable():
                    await wait_stdin_closed()
                else:
                    await trio.sleep_forever()
        nursery.cancel_scope.cancel()


def _parse(argv: Sequence[str]) -> tuple[RestOptions, str | None, bool]:
    parser = argparse.ArgumentParser(
        prog="trioaudio simulate rest",
        description="A carrier's REST interface on this machine: strict, and a call placed there"
        " is answered by the simulated carrier, which dials the media URL. Prints a JSON line for"
        " whatever happens, and serves until SIGINT or SIGTERM.",
        epilog="faults:\n" + "\n".join(f"  {_signature(each):16} {each.help}" for each in FAULTS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--carrier", required=True, metavar="NAME", help=", ".join(rest_names()))
    add("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="port 0, the default, is any")
    add("--account", default=RestAccount().id, help="SID, Auth ID, app id … (default: %(default)s)")
    add("--secret", default=RestAccount().secret, help="its token or key (default: %(default)s)")
    add("--public-key", type=Path, metavar="FILE", help="PEM; Vonage's tokens are verified by it")
    add("--stream-secret-env", metavar="NAME", help="variable with what the stream is signed with")
    add("--ring-s", type=float, default=0.0, metavar="SECONDS", help="before the call is answered")
    add("--no-dial", action="store_true", help="place calls without dialling their media URLs")
    add("--out", type=Path, metavar="FOLDER", help="where what each callee heard is written")
    add("--call", metavar="URL", help="have a call come in: this webhook is asked what to do")
    add("--seed", type=int, default=0, help="of faults by chance")
    add("--fault", action="append", default=[], metavar="NAME[=VALUE][@RATE]", help="repeatable")
    add("--child", action="store_true", help="ignore SIGINT: the parent ends this process")
    given = parser.parse_args(argv)
    host, _, port = given.listen.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(f"--listen {given.listen!r}: wanted HOST:PORT, such as 127.0.0.1:0")
    key = None if given.public_key is None else given.public_key.read_text(encoding="ascii")
    options = RestOptions(
        carrier=given.carrier,
        host=host.strip("[]"),
        port=int(port),
        account=RestAccount(given.account, given.secret, key),
        faults=tuple(given.fault),
        seed=given.seed,
        dials=not given.no_dial,
        stream_secret=os.environ.get(given.stream_secret_env or "", ""),
        ring_s=given.ring_s,
        out=given.out,
    )
    return options, given.call, given.child


def _signature(kind: FaultKind) -> str:
    return kind.name if kind.value is None else f"{kind.name}={kind.value:g}"


def _print(event: dict[str, object]) -> None:
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The parent is gone, and Python must not fail when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
