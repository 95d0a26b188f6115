"""SPF, DKIM and DMARC of the sending domain, as the DNS has them. Home of dnspython."""

from collections.abc import Sequence

import dns.exception
import dns.resolver

from dispatcher.services.signing_check import Published

# For all questions together: a check should not hang where there is no network.
_SECONDS = 5.0


class DnsMailDomain:
    def problems(self, domain: str, dkim_selector: str | None) -> Sequence[tuple[str, str]]:
        found = []
        spf = _texts(domain, "v=spf1")
        if spf is None:
            found.append(("dns-spf", f"The SPF record of {domain} could not be looked up."))
        elif not spf:
            found.append(
                (
                    "dns-spf",
                    f"{domain} has no SPF record (RFC 7208). Ask your mail provider which one to set.",
                )
            )
        if dkim_selector == "":
            found.append(
                (
                    "dns-dkim",
                    "Mails are not signed here, and under which selector the relay signs is not set "
                    "(campaigns.dkim_selector), so its DKIM record cannot be looked at.",
                )
            )
        elif dkim_selector is not None and not _texts(f"{dkim_selector}._domainkey.{domain}", ""):
            found.append(
                ("dns-dkim", f"There is no DKIM record for the selector '{dkim_selector}' of {domain}.")
            )
        dmarc = _texts(f"_dmarc.{domain}", "v=DMARC1")
        if dmarc is None:
            found.append(("dns-dmarc", f"The DMARC record of {domain} could not be looked up."))
        elif not dmarc:
            found.append(
                ("dns-dmarc", f"{domain} has no DMARC record (RFC 7489). Large mail providers ask for one.")
            )
        return found

    def published(self, domain: str, selector: str, record: str) -> Published:
        texts = _texts(f"{selector}._domainkey.{domain}", "")
        if texts is None:
            return Published.UNKNOWN
        if not texts:
            return Published.MISSING
        ours = _tags(record)
        # With two records a receiver may take either (RFC 6376 3.6.2.2).
        return Published.OURS if all(_is_of(_tags(text), ours) for text in texts) else Published.OTHER


def _is_of(published: dict[str, str], ours: dict[str, str]) -> bool:
    """Whether receivers that find this record take our signatures of mail (RFC 6376 3.6.1)."""
    return (
        published.get("v", "DKIM1") == "DKIM1"
        and published.get("k", "rsa") == ours["k"]
        and published.get("p") == ours["p"]
        and "sha256" in published.get("h", "sha256").split(":")
        and not {"*", "email"}.isdisjoint(published.get("s", "*").split(":"))
    )


def _tags(record: str) -> dict[str, str]:
    """Of a list such as "v=DKIM1; k=rsa; p=..." (RFC 6376 3.2). Blanks are of no meaning in the ones asked for."""
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def _texts(name: str, start: str) -> list[str] | None:
    """The TXT records that start so; None when the DNS did not answer."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException:
        return None
    texts = [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return [text for text in texts if text.startswith(start)]
