"""The configuration of a mosquitto that lets every gateway write only its own topics (mosquitto.conf(5)). Pure.

The name in a client's certificate is its user; the access list has a pattern with %u for gateways, and one section each
for the hub and for an operator's commands. Everything else is refused.
"""

from collections.abc import Sequence

from halong.pki import HUB, OPERATOR

MAX_PACKET = 300_000  # bytes; the longest pack is 64 KiB, births of a large gateway are longer


def configuration(*, port: int, address: str, directory: str, persistence: str) -> str:
    """mosquitto.conf: one TLS listener, certificates required. `directory` holds the files below, as mosquitto sees it."""
    base = directory.rstrip("/")
    return f"""# Made by `halong pki mosquitto`. Packs need no queue of the broker's: journals keep them until the hub has them.
per_listener_settings true
persistence true
persistence_location {persistence.rstrip("/")}/
autosave_interval 60
message_size_limit {MAX_PACKET}
log_type error
log_type warning
log_type notice

listener {port}{f" {address}" if address else ""}
allow_anonymous false
cafile {base}/ca.crt
crlfile {base}/crl.pem
certfile {base}/broker.crt
keyfile {base}/broker.key
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
acl_file {base}/acl
"""


def access_list(root: str, sources: Sequence[str] = ()) -> str:
    """The acl file; gateways may also read `sources`, topic filters of devices that publish to this broker."""
    reads = "".join(f"pattern read {topic}\n" for topic in sources)
    return f"""# Made by `halong pki mosquitto`. %u is the name in the certificate: the gateway's id.
user {HUB}
topic read {root}/up/#
topic read {root}/birth/+
topic read {root}/state/+
topic write {root}/ack/+
topic write {root}/do/+
topic readwrite {root}/ingest/+
topic write {root}/alarm/+

user {OPERATOR}
topic write {root}/do/+

pattern readwrite {root}/up/+/%u/#
pattern write {root}/birth/%u
pattern write {root}/state/%u
pattern read {root}/ack/%u
pattern read {root}/do/%u
pattern read {root}/ingest/+
{reads}"""
