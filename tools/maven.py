"""Builds Java programs with Maven, when their jar is older than their source."""

import fcntl
import shutil
import subprocess
from pathlib import Path


def package(project: Path) -> Path:
    """Return target/NAME.jar of the project in folder NAME; raise RuntimeError if it fails.

    One process builds, and others that want the same wait for it.
    """
    with (project / "pom.xml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _package(project)


def _package(project: Path) -> Path:
    jar = project / "target" / f"{project.name}.jar"
    sources = [project / "pom.xml", *(path for path in project.glob("src/**/*") if path.is_file())]
    if jar.exists() and jar.stat().st_mtime >= max(path.stat().st_mtime for path in sources):
        return jar
    require("java", "mvn")
    print(f"Building {project.name} with Maven ...", flush=True)
    build = subprocess.run(
        ["mvn", "-q", "-B", "-ntp", "package"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if build.returncode:
        raise RuntimeError(f"mvn package failed:\n{last_lines(build.stdout)}")
    return jar


def require(*commands: str) -> None:
    """Raise RuntimeError, saying what to install, unless all of these commands are there."""
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise RuntimeError(
            f"{' and '.join(missing)} not found: install a JDK 17 or newer, and Maven to build"
            " (on Debian: apt install openjdk-17-jdk-headless maven)"
        )


def last_lines(text: str) -> str:
    """Return the end of a long output, where it says what went wrong."""
    return "\n".join(text.splitlines()[-20:])
