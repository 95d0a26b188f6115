"""SPF, DKIM and DMARC of the sending domain, as the DNS has them. Home of dnspython."""

from collections.abc import Sequence

import dns.exception
import dns.resolver

# For all questions together: a check should not hang where there is no network.
_SECONDS = 5.0


class DnsMailDomain:
    def problems(self, domain: str, dkim_selector: str) -> Sequence[tuple[str, str]]:
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
        if not dkim_selector:
            found.append(
                (
                    "dns-dkim",
                    "The DKIM selector is not set (campaigns.dkim_selector), so its record cannot be looked at.",
                )
            )
        elif not _texts(f"{dkim_selector}._domainkey.{domain}", ""):
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
