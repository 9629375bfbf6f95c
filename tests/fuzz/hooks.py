"""What schemathesis loads: who it is. A token lives five minutes, and a busy machine may take longer."""

import os
from typing import Any

import schemathesis

from tests.emulator.producer import token


@schemathesis.auth(refresh_interval=120)
class AsApp:
    def get(self, case: Any, context: Any) -> str:
        return token(os.environ["FUZZ_APP_KEY"], os.environ["FUZZ_APP_SECRET"], lifetime=300)

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"
