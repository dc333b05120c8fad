# SPDX-License-Identifier: Apache-2.0
"""Serve the bedside page: run tests from a tablet, with picture, result, report and history.

The page is for this machine only unless --host is given; then a link with a token is printed
once, or a password file is asked for. Give the analyzer's report_dir as --reports.

examples:
  thermal-pose serve --reports out/reports --store results.sqlite
  thermal-pose serve --host 0.0.0.0 --certificate ward.pem --key ward.key --reports out/reports
  thermal-pose serve --password-file users.txt --add-user anna
"""

import argparse
import getpass
from pathlib import Path

from thermal_pose.cli.arguments import add_namespace
from thermal_pose.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, metavar="PORT", help="port to listen on")
    parser.add_argument(
        "--name", action="append", default=[], help="another host name to answer to"
    )
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="users and passwords")
    parser.add_argument("--add-user", metavar="NAME", help="add a user to the file, then end")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="TLS certificate, PEM")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key, PEM")
    parser.add_argument(
        "--reports", type=Path, metavar="DIR", help="the analyzer's report_dir, to show reports"
    )
    parser.add_argument("--store", type=Path, metavar="FILE", help="results store, for histories")
    parser.add_argument(
        "--language", default="", help="of the page, such as de; default: the browser's"
    )
    add_namespace(parser, "only cameras at or below this namespace")


def start(args: argparse.Namespace) -> int:
    """Add a user, or serve until interrupted."""
    if args.add_user:
        return _add_user(args)
    from thermal_pose.nodes.graph import check_namespace
    from thermal_pose.serve.server import ServeOptions, serve

    return serve(
        ServeOptions(
            host=args.host,
            port=args.port,
            names=tuple(args.name),
            password_file=args.password_file,
            certificate=args.certificate,
            key=args.key,
            reports=args.reports,
            store=args.store,
            namespace=check_namespace(args.namespace),
            language=args.language,
        )
    )


def _add_user(args: argparse.Namespace) -> int:
    from thermal_pose.serve.access import add_user

    if args.password_file is None:
        raise ConfigError("--add-user needs --password-file")
    password = getpass.getpass(f"password of {args.add_user}: ")
    if getpass.getpass("again: ") != password:
        raise ConfigError("the two passwords differ")
    add_user(args.password_file, args.add_user, password)
    print(f"{args.add_user} is in {args.password_file}")
    return 0
