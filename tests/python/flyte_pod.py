"""The pod side of a debug run, as the vendor ships it: `SshServer` and `WsBridge` of the `flyte` wheel.

The arguments: a home for whoever logs in, and the public key that does. Prints one JSON line with the ports of the
bridge and of the SSH server and with the host key, and runs until its standard input ends.
"""

import asyncio
import json
import os
import pwd
import sys
from pathlib import Path

from flyte._debug.ssh import SshServer, WsBridge

home, public_key = sys.argv[1:]


def container_user(uid):
    """What a container's /etc/passwd says of its user; this machine's own would lead to its real home."""
    return pwd.struct_passwd(("flyte", "x", uid, uid, "", home, "/bin/sh"))


async def on_loopback(start_server, bridge):
    """Starts the bridge, which listens everywhere, on 127.0.0.1."""

    async def listen(handler, _host, port):
        return await start_server(handler, "127.0.0.1", port)

    asyncio.start_server = listen
    try:
        await bridge.start()
    finally:
        asyncio.start_server = start_server


async def main():
    pwd.getpwuid = container_user
    scratch = Path(home) / ".flyte-ssh-debug"
    server = SshServer(public_key, user="flyte", port=0, scratch_dir=scratch)
    await server.start()
    ssh_port = server._acceptor.get_port()
    bridge = WsBridge(sshd_port=ssh_port, listen_port=0)
    await on_loopback(asyncio.start_server, bridge)
    host_key = server._host_key().export_public_key().decode().strip()
    port = bridge._server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "ssh_port": ssh_port, "host_key": host_key}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    # Sessions may be open still, and nobody waits for them.
    os._exit(0)


asyncio.run(main())
