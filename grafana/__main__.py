"""`python -m grafana` writes the dashboards and provisioning files; with --check it only says what differs."""

import argparse
import sys
from pathlib import Path

from grafana import files
from grafana.model import PAGE


def main(arguments: list[str] | None = None) -> int:
    """0 when all is up to date (with --check) or has been written, 1 when something differs."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    parser.add_argument(
        "--directory", type=Path, default=files.HERE, help="where the files are; default: the package"
    )
    parser.add_argument("--page", default=PAGE, help=f"address of the hub's page, for links; default: {PAGE}")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            lines = list(files.differences(options.directory, options.page))
        else:
            lines = []
            for path in files.write(options.directory, options.page):
                print(f"{path} written")
    except OSError as error:
        lines = [f"{error.filename}: {error.strerror}"]
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
