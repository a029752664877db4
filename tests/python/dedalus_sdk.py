"""A session from create to delete with the official SDK, as its documentation shows it.

The arguments: base URL, API key, machine ID, OpenSSH public key. Prints one JSON object with what the
SDK understood.
"""

import json
import sys
import time

from dedalus_sdk import Dedalus, NotFoundError


def until_ready(client, machine_id, session):
    """What the documentation leaves to the caller: poll until ready."""
    statuses = [session.status]
    while session.status != "ready":
        if len(statuses) > 100:
            raise SystemExit(f"never ready: {statuses}")
        time.sleep((session.retry_after_ms or 500) / 1000)
        session = client.machines.ssh.retrieve(machine_id=machine_id, session_id=session.session_id)
        statuses.append(session.status)
    return session, statuses


def main(base_url, api_key, machine_id, public_key):
    client = Dedalus(base_url=base_url, api_key=api_key)
    ssh = client.machines.ssh
    created = ssh.create(machine_id=machine_id, public_key=public_key)
    session, statuses = until_ready(client, machine_id, created)
    for _ in range(4):
        ssh.create(machine_id=machine_id, public_key=public_key)
    listed = [item.session_id for item in ssh.list(machine_id=machine_id, limit=2)]
    closed = [ssh.delete(machine_id=machine_id, session_id=id).status for id in listed]
    try:
        ssh.retrieve(machine_id=machine_id, session_id="unknown")
        not_found = False
    except NotFoundError:
        not_found = True
    machines = [{"id": machine.machine_id, "phase": machine.phase} for machine in client.machines.list(limit=1)]
    machine = client.machines.retrieve(machine_id=machine_id)
    connection = session.connection
    print(json.dumps({
        "statuses": statuses,
        "session_id": session.session_id,
        "endpoint": connection.endpoint,
        "port": connection.port,
        "user": connection.ssh_username,
        "certificate": connection.user_certificate,
        "trust": [connection.host_trust.kind, connection.host_trust.host_pattern, connection.host_trust.public_key],
        "expires": session.expires_at.timestamp(),
        "listed": listed,
        "closed": closed,
        "not_found": not_found,
        "machines": machines,
        "machine_phase": machine.status.phase,
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])
