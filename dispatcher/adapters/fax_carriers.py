"""The fax carrier that the settings name."""

from typing import assert_never

from dispatcher.domain.errors import SettingsProblem
from dispatcher.services.fax_carrier import FaxCarrier
from dispatcher.settings import Carrier, FaxSettings

# ruff: noqa: PLC0415 - each carrier brings a library with it; only the one that is used is loaded


def make_carrier(settings: FaxSettings) -> FaxCarrier:
    """Raises SettingsProblem when something is missing without which it could not work at all."""
    token, key = settings.token.get_secret_value(), settings.signing_key.get_secret_value()
    match settings.carrier:
        case Carrier.TWILIO:
            from dispatcher.adapters.fax_twilio import TwilioFax
            from dispatcher.adapters.twilio_client import TwilioApi

            _need(base_url=settings.base_url, account=settings.account, token=token)
            return TwilioFax(
                TwilioApi(settings.base_url, settings.account, token),
                from_number=settings.from_number,
                signing_key=key,
                resolution=settings.resolution.value,
            )
        case Carrier.HYLAFAX:
            from dispatcher.adapters.fax_hylafax import HylaFax

            if settings.base_url.startswith(("http:", "https:")):
                raise SettingsProblem(
                    problem="fax.base_url of a HylaFAX server begins with hylafax:// and names this machine, or the "
                    "end of a tunnel on it: its protocol is not encrypted."
                )
            return HylaFax(
                settings.base_url,
                user=settings.account,
                password=token,
                resolution=settings.resolution.value,
            )
        case Carrier.TELNYX:
            from dispatcher.adapters.fax_telnyx import TelnyxFax

            _need(account=settings.account, token=token)
            return TelnyxFax(
                settings.base_url,
                key=token,
                connection=settings.account,
                from_number=settings.from_number,
                public_key=key,
                resolution=settings.resolution.value,
            )
        case Carrier.NONE:
            raise SettingsProblem(problem="fax.carrier is none: there is no carrier to make.")
        case _:
            assert_never(settings.carrier)


def _need(**values: str) -> None:
    missing = [f"fax.{name}" for name, value in values.items() if not value]
    if missing:
        raise SettingsProblem(problem=f"{' and '.join(missing)} must be set for this fax carrier.")
