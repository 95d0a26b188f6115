"""Fax pages as carriers take them; see services.fax_media."""

from collections.abc import Sequence

from dispatcher.adapters.fax_pages import fax_document, fax_pdf
from dispatcher.services.stationery import FaxLine


class FaxPrinting:
    def tiff(self, approved: bytes, *, line: FaxLine, enclosures: Sequence[bytes]) -> bytes:
        return fax_document(approved, header=line, enclosures=enclosures).tiff

    def pdf(self, approved: bytes, *, line: FaxLine, enclosures: Sequence[bytes]) -> bytes:
        return fax_pdf(self.tiff(approved, line=line, enclosures=enclosures))
