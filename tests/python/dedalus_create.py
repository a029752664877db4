"""One session, from nothing to ready, with the official SDK: what a program of the vendor's own would do.

The arguments: base URL, API key, machine ID, OpenSSH public key.
"""

import sys
import time

from dedalus_sdk import Dedalus


def main(base_url, api_key, machine_id, public_key):
    ssh = Dedalus(base_url=base_url, api_key=api_key).machines.ssh
    session = ssh.create(machine_id=machine_id, public_key=public_key)
    while session.status != "ready":
        time.sleep((session.retry_after_ms or 500) / 1000)
        session = ssh.retrieve(machine_id=machine_id, session_id=session.session_id)
    print(session.connection.user_certificate)


if __name__ == "__main__":
    main(*sys.argv[1:])
