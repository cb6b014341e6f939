"""The tutorial, word for word: its commands in one shell and an empty directory. Only the two ports are others."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from halong.installation import free_port
from tests.docs.sandbox import programs

ROOT = Path(__file__).parents[1]


def test_the_tutorial_word_for_word(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    broker, api = free_port(), free_port()
    script = "".join(f"echo '== {number}'\n{block}" for number, block in enumerate(blocks, 1))
    script = script.replace("1883", str(broker)).replace(":8080", f":{api}")
    script = script.replace(
        "echo 'data = \"data\"'",
        f'printf \'data = "data"\\n[broker]\\nurl = "mqtt://127.0.0.1:{broker}"\\n[api]\\nport = {api}\\n\'',
    )
    script = script.replace("[clock]", f'[broker]\nurl = "mqtt://127.0.0.1:{broker}"\n\n[clock]', 1)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=programs(tmp_path_factory.mktemp("programs")),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    said = dict(zip(*[iter(re.split(r"^== (\d)\n", done.stdout, flags=re.MULTILINE)[1:])] * 2, strict=True))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "gateway gw-home at home, 1 sensors: good" in said["2"]
    assert {item["quantity"] for item in json.loads(said["4"].splitlines()[0])["items"]} == {
        "pm1",
        "pm25",
        "pm10",
    }
    assert "lets us in" in said["4"]
    figures = dict(line.split() for line in said["6"].splitlines() if len(line.split()) == 2)
    assert int(figures["stored"]) == int(figures["accepted"]) > 30
    assert (figures["lost"], figures["duplicates"], figures["waiting"]) == ("0", "0", "0")
    assert int(figures["unexplained"]) <= 3  # one frame
    assert done.returncode == (figures["unexplained"] != "0")
