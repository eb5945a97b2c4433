"""A TCP proxy that harms what passes through it: between a real client and a real server, TLS included.

Each connection takes the next of `faults`; those that come after the last get `default_fault`, which is no
harm unless a test says otherwise.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from dataclasses import dataclass

_PIECE = 64 * 1024
_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class StreamFault:
    """Fault in the bytes of one connection in one direction. Positions count from its first byte.

    `cut_at` ends the connection there; `stall_at` lets nothing more through, and keeps it open; `flip_at`
    changes a bit of that byte; `delay` is in seconds, before each piece of at most 64 KiB.
    """

    delay: float = 0.0
    cut_at: int = _NEVER
    stall_at: int = _NEVER
    flip_at: int = _NEVER


@dataclass(frozen=True, slots=True)
class ConnectionFault:
    """Both directions of one connection."""

    to_client: StreamFault = StreamFault()
    to_server: StreamFault = StreamFault()


class FaultProxy:
    """Listens on a port of its own and passes on to the port `target`. Use it as a context manager.

    `bytes_to_client` counts what all clients were sent, `connections` how many there were.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.faults: list[ConnectionFault] = []
        self.default_fault = ConnectionFault()
        self.bytes_to_client = 0
        self.connections = 0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        _end(self._listener)
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """End every connection that is open at this moment."""
        with self._lock:
            for end in self._open:
                _end(end)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ending.is_set():
                client, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    fault = self.faults.pop(0) if self.faults else self.default_fault
                threading.Thread(target=self._serve, args=(client, fault), daemon=True).start()

    def _serve(self, client: socket.socket, fault: ConnectionFault) -> None:
        to = ("127.0.0.1", self.target)
        with client, contextlib.suppress(OSError), socket.create_connection(to) as server:
            with self._lock:
                self._open |= {client, server}
            asking = threading.Thread(target=self._pass_on, args=(client, server, fault.to_server))
            asking.start()
            self._pass_on(server, client, fault.to_client, counted=True)
            asking.join()
            with self._lock:
                self._open -= {client, server}

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, way: StreamFault, *, counted: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            if self._copy(source, sink, way, counted):
                sink.shutdown(socket.SHUT_WR)  # the answer to what was asked may still be on its way
                return
        _end(source)
        _end(sink)

    def _copy(self, source: socket.socket, sink: socket.socket, way: StreamFault, counted: bool) -> bool:
        """True if the source ended by itself, False if the fault says that the connection ends here."""
        passed, last = 0, min(way.cut_at, way.stall_at)
        while passed < last:
            piece = bytearray(source.recv(min(_PIECE, last - passed)))
            if not piece:
                return True
            self._ending.wait(way.delay)
            if passed <= way.flip_at < passed + len(piece):
                piece[way.flip_at - passed] ^= 1
            sink.sendall(piece)
            passed += len(piece)
            if counted:
                with self._lock:
                    self.bytes_to_client += len(piece)
        if passed == way.stall_at:
            self._wait_for_the_end_of(sink)
        return False

    def _wait_for_the_end_of(self, sink: socket.socket) -> None:
        while not self._ending.wait(0.05):
            with contextlib.suppress(BlockingIOError):
                if not sink.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    return


def _end(end: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(how)


def random_fault(dice: random.Random) -> ConnectionFault:
    """Mostly one that lets something through first; one in four is none."""
    kind = dice.choice(["none", "cut_at", "stall_at", "flip_at"])
    if kind == "none":
        return ConnectionFault()
    if dice.random() < 0.2:
        return ConnectionFault(to_server=StreamFault(**{kind: dice.randrange(600)}))
    return ConnectionFault(to_client=StreamFault(**{kind: int(2 ** dice.uniform(4, 24))}))
