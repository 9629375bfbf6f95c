"""Runs MiniStack for `local.emulator`, by the interpreter of the emulator's environment, which has nothing of ours.

AWS is called over TLS, the emulator over plain HTTP on loopback. MiniStack believes `X-Forwarded-Proto`, so every
request is given one: a policy that refuses cleartext (`aws:SecureTransport`) is then enforced here with AWS's outcome,
instead of refusing everything.
"""

from ministack import app as ministack  # type: ignore[import-not-found]  # it is in that environment only

_serve = ministack.app


async def _serve_as_over_tls(scope, receive, send):  # type: ignore[no-untyped-def]  # there is no ASGI type library here
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await _serve(scope, receive, send)


if __name__ == "__main__":
    ministack.app = _serve_as_over_tls
    ministack.main()
