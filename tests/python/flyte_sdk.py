"""A connect with the official client, as its documentation shows it.

The arguments: a home directory, the endpoint, organization, project, domain, client ID, client secret, run, and a file
for the block that belongs into ssh_config. Prints one JSON object with what the client understood.
"""

import json
import os
import sys

home, endpoint, org, project, domain, client_id, secret, run, config = sys.argv[1:]
# The client looks for its home when it is imported.
os.environ["HOME"] = home
os.environ["PATH"] = "/usr/bin:/bin"

import flyte  # noqa: E402
from flyteplugins.union.remote import ApiKey, SSHDebug  # noqa: E402

flyte.init(
    endpoint=endpoint,
    insecure=True,
    org=org,
    project=project,
    domain=domain,
    auth_type="ClientSecret",
    client_id=client_id,
    client_credentials_secret=secret,
    disable_keyring=True,
)


def fails(work):
    try:
        work()
    except Exception as error:
        return type(error).__name__
    return None


def connect(**options):
    return SSHDebug.connect(run, timeout=20, poll_interval=0.05, **options)


_, public_key = SSHDebug.ensure_keypair()
info = connect()
with open(config, "w") as file:
    file.write(info.ssh_config)
token = json.load(open(f"{home}/.flyte/ssh-debug/bearer.json"))["token"]
again = connect()
api_key = SSHDebug.ensure_api_key("debug key")
print(
    json.dumps(
        {
            "public_key": public_key,
            "launch_env": SSHDebug.launch_env({"EXTRA": "1"}),
            "run": [info.run_name, info.action_name],
            "wss_url": info.wss_url,
            "host_alias": info.host_alias,
            "headers": open(info.headers_file).read(),
            "token": token,
            "same_token": open(again.headers_file).read() == f"Authorization: Bearer {token}\n",
            "api_key": api_key,
            "kept_api_key": open(f"{home}/.flyte/ssh-debug/api-key").read(),
            "client_name": ApiKey.get(client_id="debug-key").client_name,
            "deleted": fails(lambda: ApiKey.delete(client_id="debug-key")),
            "gone": fails(lambda: ApiKey.get(client_id="debug-key")),
            "refreshed": connect(refresh_token=True).headers_file is not None,
            "no_such_run": fails(lambda: SSHDebug.connect("nobody", timeout=5)),
        }
    )
)
