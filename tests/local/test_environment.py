"""The emulator's environment, built for real from the lock."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.environment import LOCK, interpreter
from local.errors import EnvironmentBuildError

# One package without dependencies, by its hash: enough to see how an environment is made.
SMALL_LOCK = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"


def packages_of(python: Path) -> set[str]:
    code = "from importlib.metadata import distributions; print(*(d.name.lower() for d in distributions()))"
    return set(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_emulators_environment_holds_what_the_lock_names_and_nothing_else() -> None:
    locked = set(re.findall(r"^([\w-]+)==", LOCK.read_text(), re.MULTILINE))
    assert {"ministack", "boto3", "cryptography"} < locked
    assert packages_of(interpreter()) == locked


def test_the_lock_is_made_of_the_three_packages_that_the_emulator_needs() -> None:
    asked = [line for line in LOCK.with_suffix(".in").read_text().splitlines() if line and not line.startswith("#")]
    assert asked == ["boto3", "cryptography", "ministack==1.5.33"]


def test_an_environment_is_built_once_even_when_two_need_it_at_the_same_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(SMALL_LOCK)
    with ThreadPoolExecutor() as pool:
        first, second = (pool.submit(interpreter, tmp_path / "cache", lock) for _ in range(2))
        assert first.result() == second.result()
    assert packages_of(first.result()) == {"six"}
    made = first.result().parent.stat().st_ino
    assert interpreter(tmp_path / "cache", lock).parent.stat().st_ino == made
    assert not (tmp_path / "cache" / "unfinished").exists()


def test_a_changed_lock_is_another_environment(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(SMALL_LOCK)
    before = interpreter(tmp_path / "cache", lock)
    lock.write_text("# nothing at all\n")
    after = interpreter(tmp_path / "cache", lock)
    assert (packages_of(before), packages_of(after)) == ({"six"}, set())


def test_a_build_that_was_cut_short_is_not_taken_for_an_environment(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(SMALL_LOCK)
    (tmp_path / "cache" / "unfinished" / "bin").mkdir(parents=True)
    assert packages_of(interpreter(tmp_path / "cache", lock)) == {"six"}


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EnvironmentBuildError, match=r"(?i)hash"):
        interpreter(tmp_path / "cache", lock)
    assert not list((tmp_path / "cache").glob("[0-9a-f]*/bin"))
