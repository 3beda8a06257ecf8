"""Processes that outlive the command that started them."""

import os
import shutil
import subprocess
from pathlib import Path

from local.daemon import end_below


def test_what_was_started_from_a_folder_ends(tmp_path: Path) -> None:
    """Also what has another name there, and nothing of a folder with a longer name."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    folder, other = tmp_path / "plugins", tmp_path / "plugins2"
    running = []
    for place in (folder / "one", other):
        place.mkdir(parents=True)
        (place / "tool").symlink_to(sleep)
        # A multi-call program is told by its first argument which it is.
        running.append(subprocess.Popen([str(place / "tool"), "60"], executable=sleep))
    try:
        end_below(folder)
        assert running[0].wait(10) < 0
        assert running[1].poll() is None
        os.kill(running[1].pid, 0)
    finally:
        for process in running:
            process.kill()
            process.wait()
