#!/bin/sh
# Everything for a site without internet: dist/halong-VERSION-PLATFORM.tar.gz with wheels, units, samples and install.sh.
# Made on the kind of machine it is for (Debian release, Python, processor): wheels differ. A requirements file may be given.
set -eu
requirements=${1:-requirements.txt}
python=.venv/bin/python
version=$($python -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
platform=$($python -c 'import platform, sys; print(f"py{sys.version_info[0]}{sys.version_info[1]}-{platform.machine()}")')
name="halong-$version-$platform"
place="dist/$name"
rm -rf "$place" && mkdir -p "$place/wheels" "$place/systemd" "$place/samples"
cp "$requirements" "$place/requirements.txt"
if [ -s "$requirements" ]; then
    $python -m pip download -q --disable-pip-version-check --require-hashes --only-binary :all: -r "$requirements" -d "$place/wheels"
fi
$python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w "$place/wheels" .
rm -rf build
cp deploy/systemd/*.service "$place/systemd/"
cp edge/edge.sample.toml halong/hub.sample.toml "$place/samples/"
cp deploy/bundle/install.sh LICENSE "$place/"
(cd "$place" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
tar -C dist --sort=name --owner=0 --group=0 -czf "dist/$name.tar.gz" "$name"
echo "dist/$name.tar.gz"
