"""A credential from create to delete with the official SDK, as its documentation shows it.

The arguments: base URL, API key, sandbox ID, generation (1 for the SDK up to 0.6.1, 2 from 0.7.0 on). Prints
one JSON object with what the SDK understood.
"""

import json
import sys
import typing

import typing_extensions

# On Python 3.11 and older, pydantic refuses the SDK's own models otherwise: they use typing.TypedDict.
typing.TypedDict = typing_extensions.TypedDict

from leap0 import Leap0Client  # noqa: E402
from leap0 import Leap0ConflictError, Leap0NotFoundError  # noqa: E402


def shown(access):
    names = ["id", "password", "ssh_command", "sandbox_id", "expires_at", "created_at", "updated_at"]
    return {name: getattr(access, name) for name in names}


class Credential:
    """The calls of a credential, which the generations spell differently."""

    def __init__(self, ssh, sandbox, access, generation):
        self.ssh, self.sandbox, self.access, self.generation = ssh, sandbox, access, generation
        self.id = {} if generation == 1 else {"id": access.id}

    def is_valid(self, password=None):
        id = {"access_id": self.access.id} if self.generation == 1 else self.id
        validation = self.ssh.validate_access(self.sandbox, **id, password=password or self.access.password)
        assert validation.sandbox_id == self.sandbox
        return validation.valid

    def regenerate(self):
        return Credential(self.ssh, self.sandbox, self.ssh.regenerate_access(self.sandbox, **self.id), self.generation)

    def delete(self):
        self.ssh.delete_access(self.sandbox, **self.id)


def raises(error, work):
    try:
        work()
    except error:
        return True
    return False


def whole(client, sandbox, generation):
    ssh = client._ssh
    first = Credential(ssh, sandbox, ssh.create_access(sandbox), generation)
    try:
        second_id = ssh.create_access(sandbox).id
    except Leap0ConflictError:
        second_id = None
    was_valid = [first.is_valid(), first.is_valid("wrong")]
    new = first.regenerate()
    now_valid = [first.is_valid(), new.is_valid()]
    new.delete()
    gone = [raises(Leap0NotFoundError, new.delete), raises(Leap0NotFoundError, new.is_valid)]
    listed = client.sandboxes.list(page=2, page_size=1, order_by="asc")
    read = client.sandboxes.get(sandbox)
    # The same from the sandbox's side, as the documentation's first example does it.
    third = read.ssh.create_access()
    return {
        "first": shown(first.access),
        "second_id": second_id,
        "was_valid": was_valid,
        "new": shown(new.access),
        "now_valid": now_valid,
        "gone": gone,
        "third_id": third.id,
        "listed": [[item.id, item.state] for item in listed.items],
        "total": listed.total_items,
        "read": [read.id, read.state],
    }


def main(base_url, api_key, sandbox, generation):
    client = Leap0Client(base_url=base_url, api_key=api_key, sdk_otel_enabled=False)
    print(json.dumps(whole(client, sandbox, int(generation))))


if __name__ == "__main__":
    main(*sys.argv[1:])
