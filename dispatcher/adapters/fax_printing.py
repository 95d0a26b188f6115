"""Fax pages as carriers take them; see services.fax_media."""

from collections.abc import Sequence

from dispatcher.services.stationery import FaxLine

# ruff: noqa: PLC0415 - Pillow and pdfium take 9 MB, and a process that looks after faxes may never send one


class FaxPrinting:
    def tiff(self, approved: bytes, *, line: FaxLine, enclosures: Sequence[bytes]) -> bytes:
        from dispatcher.adapters.fax_pages import fax_document

        return fax_document(approved, header=line, enclosures=enclosures).tiff

    def pdf(self, approved: bytes, *, line: FaxLine, enclosures: Sequence[bytes]) -> bytes:
        from dispatcher.adapters.fax_pages import fax_pdf

        return fax_pdf(self.tiff(approved, line=line, enclosures=enclosures))
