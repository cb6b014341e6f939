#!/bin/sh
# Installs mosquitto, influxd, chromium and systemd-analyze for the tests when they are absent; quiet when they are there. Debian or Ubuntu.
# The packaged services are not started and do not stay running: the tests start their own on free ports.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

missing=""
command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v influxd >/dev/null || missing="$missing influxdb"
command -v chromium >/dev/null || missing="$missing chromium"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "please install:$missing (with mosquitto, influxd, chromium and systemd-analyze on the PATH)" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "please install as root: apt-get install$missing" >&2
    exit 1
fi

# policy-rc.d with exit 101 is Debian's way to say "install, but do not start"; an existing one is left alone.
policy=/usr/sbin/policy-rc.d
ours=""
remove_policy() { [ -z "$ours" ] || $as_root rm -f "$policy"; }
trap remove_policy EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

log=$(mktemp)
install() {
    # shellcheck disable=SC2086  # a list of words is meant
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}
if ! install && ! { $as_root apt-get update >"$log" 2>&1 && install; }; then
    echo "cannot install$missing: $(tail -n 1 "$log")" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

# Installed but not started now; keep them off at the next boot as well.
if [ -d /run/systemd/system ]; then
    for service in $missing; do
        $as_root systemctl disable --now "$service" >/dev/null 2>&1 || true
    done
fi
