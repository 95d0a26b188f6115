"""How a connection to a mail server is kept private."""

from enum import StrEnum


class Security(StrEnum):
    """STARTTLS: agreed on after the greeting. TLS: from the first byte. NONE: to this machine only."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
