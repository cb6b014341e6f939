"""`python -m grafana` writes the dashboards and provisioning files; with --check it only says what differs, with --load
it puts them into a running Grafana."""

import argparse
import os
import sys
from pathlib import Path

from grafana import files, provision
from grafana.model import PAGE
from grafana.server import Grafana, GrafanaError

SECRET = "HALONG_GRAFANA_SECRET"


def main(arguments: list[str] | None = None) -> int:
    """0 when all is up to date (with --check) or has been written, 1 when something differs."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    parser.add_argument(
        "--directory", type=Path, default=files.HERE, help="where the files are; default: the package"
    )
    parser.add_argument("--page", default=PAGE, help=f"address of the hub's page, for links; default: {PAGE}")
    parser.add_argument(
        "--load",
        metavar="URL",
        help="put data source, dashboards and alert rules into the Grafana there, by its API, instead of into files; "
        f"{SECRET}: a service account's token or user:password; the data source from HALONG_INFLUX_URL, _USER, _SECRET",
    )
    options = parser.parse_args(arguments)
    if options.load:
        return load(options.load, options.page)
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


def load(url: str, page: str) -> int:
    """Into a running Grafana; 1 with one line when that does not work."""
    influx = [os.environ.get(f"HALONG_INFLUX_{name}", "") for name in ("URL", "USER", "SECRET")]
    if not influx[0]:
        print("HALONG_INFLUX_URL must say where Grafana finds InfluxDB: http://host:8086", file=sys.stderr)
        return 1
    server = Grafana(url, os.environ.get(SECRET, ""))
    try:
        print(f"Grafana {server.version()}")
        for path in server.load(provision.source(*influx), files.DASHBOARDS, page):
            print(f"{server.url}{path}")
    except GrafanaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
