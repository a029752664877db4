"""The shortest script that makes a credential with the official SDK, as its documentation shows it.

The arguments: base URL, API key, sandbox ID.
"""

import sys
import typing

import typing_extensions

# On Python 3.11 and older, pydantic refuses the SDK's own models otherwise: they use typing.TypedDict.
typing.TypedDict = typing_extensions.TypedDict

from leap0 import Leap0Client  # noqa: E402


def main(base_url, api_key, sandbox):
    client = Leap0Client(base_url=base_url, api_key=api_key, sdk_otel_enabled=False)
    print(client._ssh.create_access(sandbox).id)


if __name__ == "__main__":
    main(*sys.argv[1:])
