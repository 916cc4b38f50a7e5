"""Options that every command for a running Nexus has, as the parser of the command line knows them.

Not imported by `nexus up`: the parser takes a while to load.
"""

from typing import Annotated

from cyclopts import Parameter

Url = Annotated[
    str,
    Parameter(
        help="Address of Nexus; without it NEXUS_URL, the Nexus running on the configured data directory, or "
        "http://127.0.0.1:8080."
    ),
]
Token = Annotated[str, Parameter(help="API key; without it NEXUS_TOKEN or NEXUS_BOOTSTRAP_TOKEN.")]
Tenant = Annotated[str, Parameter(help="Tenant, for keys that may choose one; without it NEXUS_TENANT.")]
