"""An InfluxDB 1.x of our own, where a run wants one: installed as `influxd`, always as its own process."""

import http.client
import shutil
from pathlib import Path

_CONFIG = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{directory}/meta"
  logging-enabled = false
[data]
  dir = "{directory}/data"
  wal-dir = "{directory}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
{http_options}
[continuous_queries]
  enabled = false
[logging]
  level = "warn"
  suppress-logo = true
"""


def influxd_path() -> str | None:
    """Where the influxd program is; None when it is not installed."""
    return shutil.which("influxd") or shutil.which("influxd", path="/usr/sbin:/usr/local/sbin:/usr/local/bin")


def write_config(port: int, rpc_port: int, directory: Path, http_options: str = "") -> Path:
    """The configuration of an influxd on 127.0.0.1:`port` with everything below `directory`; `http_options` are TOML lines."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "influxdb.conf"
    text = _CONFIG.format(directory=directory, port=port, rpc_port=rpc_port, http_options=http_options)
    config.write_text(text, encoding="utf-8")
    return config


def command(port: int, rpc_port: int, directory: Path) -> list[str]:
    """The command line that runs it in the foreground; writes its configuration."""
    return [str(influxd_path()), "-config", str(write_config(port, rpc_port, directory))]


def answers(port: int) -> bool:
    """Whether an InfluxDB answers on that port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 204
    except OSError:
        return False
    finally:
        connection.close()
