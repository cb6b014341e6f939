"""The bundle for a site without internet: made, unpacked, installed into a clean tree, upgraded, and refused when damaged.

The dependencies are left out here (an empty requirements file): they are fetched by `make bundle` alone.
"""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that is unpacked at the site."""
    copy = tmp_path_factory.mktemp("bundle") / "source"
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    (copy / "none.txt").touch()
    done = subprocess.run(
        ["scripts/bundle.sh", "none.txt"], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    site = copy.parent / "site"
    with tarfile.open(copy / done.stdout.strip()) as archive:
        archive.extractall(site, filter="data")
    (unpacked,) = site.iterdir()
    return unpacked


def install(bundle: Path, root: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["./install.sh", "--root", str(root)], cwd=bundle, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(root)},
    )  # fmt: skip


def test_it_holds_what_it_needs(bundle: Path) -> None:
    names = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()}
    assert {"install.sh", "LICENSE", "SHA256SUMS", "requirements.txt"} <= names
    assert {"systemd/halong-edge.service", "systemd/halong-hub.service"} <= names
    assert {"samples/edge.sample.toml", "samples/hub.sample.toml"} <= names
    (wheel,) = [name for name in names if name.endswith(".whl")]
    assert wheel.startswith("wheels/halong_telemetry-")


def test_it_installs_and_installs_again_and_leaves_configurations_alone(bundle: Path, tmp_path: Path) -> None:
    done = install(bundle, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("installed: 0.1.0\n")
    (tmp_path / "etc/halong/edge.toml").write_text("mine")
    again = install(bundle, tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "etc/halong/edge.toml").read_text() == "mine"
    assert (tmp_path / "opt/halong/.venv.old").is_dir()  # the way back
    program = tmp_path / "opt/halong/.venv/bin/halong"
    assert program.read_text().splitlines()[0] == f"#!{tmp_path}/opt/halong/.venv/bin/python"
    assert (tmp_path / "usr/local/bin/halong").readlink() == Path("/opt/halong/.venv/bin/halong")
    pages = list((tmp_path / "opt/halong/.venv").glob("lib/*/site-packages/api/page/index.html"))
    assert len(pages) == 1  # data files come along
    shared = next(iter((ROOT / ".venv").glob("lib/*/site-packages")))
    ran = subprocess.run(
        [program, "--help"], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(shared)}
    )
    assert ran.returncode == 0, ran.stderr
    assert "halong up" in ran.stdout


def test_a_damaged_bundle_is_refused_before_anything_is_touched(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    with (copy / "samples" / "hub.sample.toml").open("a") as file:
        file.write("# changed\n")
    done = install(copy, tmp_path / "root")
    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert not (tmp_path / "root" / "opt").exists()
