"""A real squid that wants a user and password, on a free port of the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.commands import clean_environment, wait_for

_CONFIGURATION = """
http_port 127.0.0.1:{port}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {directory}/passwd
auth_param basic children 1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
via off
access_log stdio:{directory}/access.log
cache_log {directory}/cache.log
cache_store_log none
coredump_dir {directory}
pid_filename none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname localhost
{user}
"""


@dataclass
class Squid:
    """Runs for the ``with`` block, as an unprivileged user when we are root.

    Args:
        user: Who may use it.
        password: With this.
    """

    user: str = "plant"
    password: str = "s3cret: \u00fc"

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="squid-"))
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            shutil.rmtree(self._directory)

    @property
    def url(self) -> str:
        """The proxy's address, without user and password."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[tuple[str, str]]:
        """Return what was asked and is over by now, method and target, refused or not."""
        path = self._directory / "access.log"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [(fields[5], fields[6]) for fields in map(str.split, lines) if len(fields) > 6]
        return [(method, target) for method, target in found if method != "-"]  # connections without a request

    def wait_for_request(self, method: str, target: str) -> None:
        """Wait until squid has written that this was asked, which it does a little after its client has the answer."""
        wait_for(lambda: (method, target) in self.requests(), seconds=20, what=f"{method} {target}", log=self.log)

    def log(self) -> str:
        """Return all that squid wrote of itself."""
        return "\n".join(path.read_text("utf-8", "replace") for path in self._directory.glob("*.log"))

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        hashed = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"],
            input=f"{self.password}\n".encode(),
            capture_output=True,
            check=True,
        ).stdout.decode()
        user = "cache_effective_user proxy" if os.geteuid() == 0 else ""
        text = _CONFIGURATION.format(port=self.port, directory=self._directory, user=user)
        (self._directory / "squid.conf").write_text(text)
        (self._directory / "passwd").write_text(f"{self.user}:{hashed}")
        if os.geteuid() == 0:
            owner = pwd.getpwnam("proxy")
            for path in (self._directory, *self._directory.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._process = subprocess.Popen(
            ["squid", "-N", "-f", str(self._directory / "squid.conf")],
            env=clean_environment(PATH=f"{os.environ['PATH']}:/usr/sbin"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers, seconds=60, what="squid", log=self.log)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"squid left with {self._process.returncode}\n{self.log()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
