"""Command line for administrators: python -m kie check | backup | restore."""

import argparse
import logging
import sys
import time
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from kie.backup.data_folder import Place, back_up, in_use, place_of, restore
from kie.errors import StudioError
from kie.images.decoder import Decoder
from kie.images.files import Files
from kie.permissions import keep_private
from kie.settings import Settings
from kie.store import Store
from kie.worker.integrity import IntegrityCheck, Report

say = partial(print, flush=True)


def main(arguments: list[str] | None = None, settings: Settings | None = None) -> int:
    """Run one command. Returns 0 on success, 1 if a person should act."""
    # The check prints its findings, so its warnings need not be logged.
    logging.basicConfig(level=logging.ERROR)
    keep_private()
    options = _parser().parse_args(arguments)
    try:
        return options.run(settings or Settings.load(), options)
    except StudioError as error:
        message = error.detail or error.sentence
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        message = (
            f"That could not be done ({error.strerror or error}{where}): "
            "check the path, its free space and its permissions, and try again."
        )
    except SQLAlchemyError as error:
        # The full text may quote the database URL with its password.
        message = (
            f"The database failed ({getattr(error, 'orig', None) or type(error).__name__}): "
            "check that it runs and is not damaged, and try again."
        )
    except KeyboardInterrupt:
        message = "Stopped; nothing was left half done: run it again to finish."
    print(message, file=sys.stderr, flush=True)
    return 1


def _check(settings: Settings, options: argparse.Namespace) -> int:
    [place] = in_use(place_of(settings, options.sandbox))
    return _print_report(_check_place(place, options.deep))


def _back_up(settings: Settings, options: argparse.Namespace) -> int:
    wanted = [place_of(settings), *([place_of(settings, sandbox=True)] if options.sandbox else [])]
    back_up(in_use(*wanted), options.target, say, time.time())
    say(f"Saved as {options.target} ({options.target.stat().st_size / 2**20:,.1f} MB).")
    say(
        "The key is not in it. Whoever has this file has all pictures and prompts: keep it as you keep the data folder."
    )
    return 0


def _restore(settings: Settings, options: argparse.Namespace) -> int:
    folder = (options.into or settings.data_dir).absolute()
    restored = restore(options.source, folder, say, time.time())
    say(f"Restored into {folder}; files, thumbnails among them: {restored.files:,}.")
    if restored.cancelled or restored.unsure:
        say(
            f"Queued jobs are cancelled ({restored.cancelled:,}), and jobs being sent need review in Account ({restored.unsure:,}), "
            "so that nothing is paid for twice."
        )
    if not restored.places:
        say(
            "This backup has no database: restore it with its own tools, then run check. A studio that opens it sends its "
            "queued jobs, some perhaps a second time, which costs credits: run the statements of the README in it first."
        )
    elif settings.database_url:
        say("KIE_DATABASE_URL names another database: take it out of the settings to open the restored one.")
    if folder != settings.data_dir:
        say(f"To open it, start the studio with KIE_DATA_DIR={folder}")
    return max((_print_report(_check_place(place)) for place in restored.places), default=0)


def _check_place(place: Place, is_deep: bool = False) -> Report:
    store = Store(place.url)
    decoder = Decoder()
    store.open()
    try:
        return IntegrityCheck(store, Files(place.root), decoder).check(is_deep)
    finally:
        decoder.close()
        store.close()


def _print_report(report: Report) -> int:
    for sentence in report.sentences():
        say(sentence)
    return 0 if report.is_well else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kie", description="Keep the data folder of a studio.")
    commands = parser.add_subparsers(required=True, metavar="check | backup | restore")
    check = commands.add_parser("check", help="compare rows and files, and have fetched again what is gone")
    check.add_argument("--deep", action="store_true", help="decode every picture (up to a second for each)")
    check.add_argument("--sandbox", action="store_true", help="the sandbox's pictures instead of the service's")
    check.set_defaults(run=_check)
    backup = commands.add_parser("backup", help="save the data folder as one file, while the studio works")
    backup.add_argument("target", type=Path, metavar="TARGET.zip")
    backup.add_argument("--sandbox", action="store_true", help="the sandbox's pictures, too")
    backup.set_defaults(run=_back_up)
    back = commands.add_parser("restore", help="unpack a backup into an empty folder; nothing in it is sent again")
    back.add_argument("source", type=Path, metavar="SOURCE.zip")
    back.add_argument("--into", type=Path, metavar="FOLDER", help="another folder than KIE_DATA_DIR")
    back.set_defaults(run=_restore)
    return parser


if __name__ == "__main__":
    sys.exit(main())
