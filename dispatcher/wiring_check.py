"""The part of the wiring that is about `dispatcher check`."""

import asyncio
from dataclasses import replace

from dispatcher.adapters import directory_files
from dispatcher.adapters.mail_domain import DnsMailDomain
from dispatcher.adapters.tone_layers import open_tone
from dispatcher.domain.errors import SettingsProblem
from dispatcher.services.going_live import Finding, Inspection
from dispatcher.settings import Mode, Settings
from dispatcher.wiring import make_transport, open_house
from dispatcher.wiring_faxes import make_fax_check
from dispatcher.wiring_signing import make_signing_check, relay_selector


def inspect(settings: Settings, *, live: bool, learned: bool = True) -> list[Finding]:
    """All findings of `dispatcher check`. learned: the sample letters are read with the sentence model too, which
    then stays in memory."""
    # A look at live mode must see what live mode would do, whatever mode is set.
    own = settings.model_copy(update={"mode": Mode.LIVE}) if live else settings
    house = replace(open_house(own), tone=open_tone(own, learned=learned))

    def files_changed() -> bool:
        with house.store.read() as work:
            return work.directory.digest() != directory_files.folder_digest(settings.missions_folder)

    def probe() -> list[str]:
        try:
            return asyncio.run(make_transport(settings).probe())
        except SettingsProblem as problem:
            return [str(problem)]

    return Inspection(
        house=house,
        smtp_host=settings.smtp.host,
        dkim_selector=relay_selector(settings),
        key_is_private=settings.secret_path.stat().st_mode & 0o077 == 0,
        files_changed=files_changed,
        probe=probe,
        mail_domain=DnsMailDomain(),
        accepted=frozenset(settings.check.accept),
        fax=make_fax_check(own, house).findings,
        signing=make_signing_check(own, house),
        mails_per_minute=settings.smtp.mails_per_minute,
    ).findings(live=live)
