"""Whether a signature's domain speaks for a sender's (RFC 7489 3.1.1)."""


def is_aligned(from_domain: str, signing_domain: str) -> bool:
    """The sender's domain is the signature's, or lies below it."""
    sender, signer = (each.casefold().rstrip(".") for each in (from_domain, signing_domain))
    return sender == signer or sender.endswith(f".{signer}")
