#!/bin/sh
# Installs Ha Long telemetry from this directory, without internet. As root: ./install.sh ; again to upgrade.
# --root DIR: into a directory tree instead of this machine, without users and services (images, tests).
set -eu
root=""
case "${1:-}" in
--root) root=${2:?"--root needs a directory"} ;;
"") [ "$(id -u)" = 0 ] || { echo "run me as root: sudo ./install.sh" >&2; exit 1; } ;;
*) sed -n '2,3s/^# //p' "$0"; exit 2 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Python 3.11 or newer is needed: apt install python3 python3-venv (Debian 12, Ubuntu 24.04)" >&2; exit 1; }

(cd "$here" && sha256sum --quiet -c SHA256SUMS) || { echo "the bundle is damaged: copy it again" >&2; exit 1; }

venv="$root/opt/halong/.venv"
fresh="$venv.new"
rm -rf "$fresh"
mkdir -p "$root/opt/halong"
"$python" -m venv "$fresh" || { echo "the venv module is missing: apt install python3-venv" >&2; exit 1; }
pip="$fresh/bin/python -m pip install -q --disable-pip-version-check --no-index --find-links $here/wheels"
if [ -s "$here/requirements.txt" ]; then $pip --require-hashes -r "$here/requirements.txt"; fi
$pip --no-deps --force-reinstall "$here"/wheels/halong_telemetry-*.whl
# scripts name the directory they were made in
find "$fresh/bin" "$fresh/pyvenv.cfg" -maxdepth 1 -type f -exec sed -i "s|$fresh|$venv|g" {} +
rm -rf "$venv.old"
[ ! -e "$venv" ] || mv "$venv" "$venv.old"                     # the way back: mv it again
mv "$fresh" "$venv"

install -d -m 0755 "$root/etc/halong" "$root/etc/systemd/system" "$root/usr/local/bin"
install -m 0644 "$here"/systemd/*.service "$root/etc/systemd/system/"
install -m 0644 "$here"/samples/*.toml "$root/etc/halong/"
ln -sfn "${venv#"$root"}/bin/halong" "$root/usr/local/bin/halong"
if [ -z "$root" ]; then
    id halong >/dev/null 2>&1 || useradd --system --home-dir /var/lib/halong --shell /usr/sbin/nologin halong
    systemctl daemon-reload
    systemctl try-restart halong-hub.service halong-edge.service
fi
echo "installed: $("$venv/bin/python" -c 'from importlib.metadata import version; print(version("halong-telemetry"))')"
echo "next: cp /etc/halong/edge.sample.toml /etc/halong/edge.toml (or hub), edit, halong check, systemctl enable --now halong-edge (or halong-hub)"
