"""A real nginx that serves a directory on a free port of the loopback, and what it was asked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import requests

from tests.support.commands import clean_environment, wait_for

_CONFIGURATION = """
daemon off;
{user}
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 128; }}
http {{
  log_format asked '$status $request_uri';
  access_log {directory}/access.log asked;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port}; root {root}; autoindex on;
    location = /-/asked {{ stub_status; access_log off; }}
  }}
}}
"""


@dataclass
class Nginx:
    """Runs for the ``with`` block. ``root`` is the directory that it serves."""

    root: Path

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="nginx-"))
        self._told = self._questions = 0
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self._directory)

    @property
    def base(self) -> str:
        """The address without a final slash."""
        return f"http://127.0.0.1:{self._port}"

    def statuses(self) -> Counter[int]:
        """Return how often it answered with each status since the last call.

        A line is written once an answer is over, which for one that was cut off may be well after its client is gone:
        what was asked is waited for.
        """
        wait_for(lambda: len(self._answered()) == self._asked(), seconds=20, what="nginx's log", log=self._log)
        answered = self._answered()
        found = Counter(answered[self._told :])
        self._told = len(answered)
        return found

    def _answered(self) -> list[int]:
        return [int(line.split()[0]) for line in (self._directory / "access.log").read_text("utf-8").splitlines()]

    def _asked(self) -> int:
        """Return how many requests it has begun, without those of this question."""
        with requests.Session() as session:
            session.trust_env = False
            counters = session.get(f"{self.base}/-/asked", timeout=20).text
        self._questions += 1
        return int(counters.splitlines()[2].split()[2]) - self._questions

    def _start(self) -> None:
        """Start it on a socket that it inherits, so that nobody can take its port in between."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(128)
            self._port: int = listening.getsockname()[1]
            user = "user root;" if os.geteuid() == 0 else ""
            text = _CONFIGURATION.format(directory=self._directory, root=self.root, port=self._port, user=user)
            configuration = self._directory / "nginx.conf"
            configuration.write_text(text, "utf-8")
            program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
            assert program is not None
            self._process = subprocess.Popen(
                [program, "-e", self._directory / "error.log", "-c", configuration],
                pass_fds=(listening.fileno(),),
                env=clean_environment(NGINX=f"{listening.fileno()};"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        wait_for((self._directory / "pid").exists, seconds=20, what="nginx", log=self._log)

    def _log(self) -> str:
        return (self._directory / "error.log").read_text("utf-8")
