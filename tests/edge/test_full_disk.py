"""An agent that starts on a full disk starts, says so, keeps what it reads and journals it when there is room."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("full_disk_agent.py")


def test_an_agent_starts_on_a_full_disk_and_recovers_by_itself(tmp_path: Path) -> None:
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    done = subprocess.run(
        [*namespace, sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        cwd=PROGRAM.parents[2],
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])},
    )
    logs = [path.read_text() for path in sorted(tmp_path.glob("log-*"))]
    assert done.returncode == 0, (done.stderr, logs)
    assert json.loads(done.stdout) == [
        {"alive": True, "while_full": 0, "exit": 0, "readings": 5},
        {"alive": True, "while_full": 0, "exit": 0, "readings": 10},
    ]
    assert all("Traceback" not in log for log in logs), logs
