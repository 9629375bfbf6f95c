"""An HTTP/2 server on loopback that does on each connection what a test has written for it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import h2.config
import h2.connection
import h2.events
from h2.errors import ErrorCodes


class Connection:
    """One connection: what the client sends, and what is said to it."""

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._ended: list[int] = []
        self._h2.initiate_connection()
        self._flush()

    def request(self) -> int:
        """Wait for a whole request; its stream."""
        while not self._ended:
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionResetError
            for event in self._h2.receive_data(received):
                if isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
                    self._ended.append(event.stream_id)
            self._flush()
        return self._ended.pop(0)

    def answer(self, stream: int, status: int = 200) -> None:
        self._h2.send_headers(stream, [(":status", str(status))], end_stream=True)
        self._flush()

    def goaway(self, last_stream: int) -> None:
        self._h2.close_connection(last_stream_id=last_stream)
        self._flush()

    def refuse(self, stream: int) -> None:
        self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        self._flush()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())


Script = Callable[[Connection], None]


def answers(connection: Connection) -> None:
    """Answer every request."""
    while True:
        connection.answer(connection.request())


@contextmanager
def connections(*scripts: Script) -> Iterator[tuple[str, list[Connection]]]:
    """A server that follows one script a connection, and the last for all others: its origin, and what was accepted."""
    accepted: list[Connection] = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection = Connection(listener.accept()[0])
                accepted.append(connection)
                script = scripts[min(len(accepted), len(scripts)) - 1]
                threading.Thread(target=follow, args=(script, connection), daemon=True).start()

    def follow(script: Script, connection: Connection) -> None:
        with suppress(OSError):
            script(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", accepted
        listener.shutdown(socket.SHUT_RDWR)
