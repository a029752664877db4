"""A connect with the official client as its documentation shows it, with all its defaults, for the benchmark.

The arguments: a home directory, the endpoint, organization, project, domain, client ID, client secret, run, and a file
for the block that belongs into ssh_config.
"""

import os
import sys

home, endpoint, org, project, domain, client_id, secret, run, config = sys.argv[1:]
# The client looks for its home when it is imported.
os.environ["HOME"] = home

import flyte  # noqa: E402
from flyteplugins.union.remote import SSHDebug  # noqa: E402

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
info = SSHDebug.connect(run)
with open(config, "w") as file:
    file.write(info.ssh_config)
