"""Two fax machines on a telephone line: spandsp's T.30 engines (Debian's libspandsp2, LGPL-2.1, by ctypes), joined
by audio in memory. A call of a minute takes a fraction of a second.

Constants are those of spandsp/t30.h, t4_rx.h and t4_tx.h as of 0.0.6.
"""

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int16, c_uint8, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_LIBRARY = "libspandsp.so.2"
_SAMPLES = 160  # 20 ms at 8 kHz
_BLOCKS_A_SECOND = 50
# The longest call here; a noisy line can keep two machines talking for ever.
_LONGEST = 600 * _BLOCKS_A_SECOND

STANDARD, FINE = 0x01, 0x02
_R8 = 0x20000
GROUP_3, GROUP_3_TWO_DIMENSIONAL, GROUP_4 = 0x02, 0x04, 0x08
_WIDTHS_AND_LENGTHS = 0x01 | 0x10000 | 0x20000 | 0x80000 | 0x100000  # 215 mm; A4, B4, US Letter, any length
_MODEMS = 0x01 | 0x02 | 0x04  # V.27ter, V.29, V.17
_AS_GROUP_4 = 3  # how the receiver keeps its pages

_ON_PAGE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_ON_END = CFUNCTYPE(None, c_void_p, c_void_p, c_int)
_ON_FRAME = CFUNCTYPE(None, c_void_p, c_void_p, c_int, POINTER(c_uint8), c_int)
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "fax_init": (c_void_p, c_void_p, c_int),
    "fax_tx": (c_int, c_void_p, POINTER(c_int16), c_int),
    "fax_rx": (c_int, c_void_p, POINTER(c_int16), c_int),
    "fax_free": (c_int, c_void_p),
    "fax_get_t30_state": (c_void_p, c_void_p),
    "fax_set_transmit_on_idle": (None, c_void_p, c_int),
    "t30_set_tx_ident": (c_int, c_void_p, c_char_p),
    "t30_get_rx_ident": (c_char_p, c_void_p),
    "t30_set_tx_file": (None, c_void_p, c_char_p, c_int, c_int),
    "t30_set_rx_file": (None, c_void_p, c_char_p, c_int),
    "t30_set_rx_encoding": (c_int, c_void_p, c_int),
    "t30_set_ecm_capability": (c_int, c_void_p, c_int),
    "t30_set_supported_modems": (c_int, c_void_p, c_int),
    "t30_set_supported_compressions": (c_int, c_void_p, c_int),
    "t30_set_supported_resolutions": (c_int, c_void_p, c_int),
    "t30_set_supported_image_sizes": (c_int, c_void_p, c_int),
    "t30_set_phase_d_handler": (None, c_void_p, _ON_PAGE, c_void_p),
    "t30_set_phase_e_handler": (None, c_void_p, _ON_END, c_void_p),
    "t30_set_real_time_frame_handler": (None, c_void_p, _ON_FRAME, c_void_p),
    "t30_frametype": (c_char_p, c_uint8),
}
_FAR_END_CONFIRMS = ("MCF", "RTP")


def spandsp() -> ctypes.CDLL:
    """Skips the test by name where the library is absent."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        pytest.skip("needs Debian's libspandsp2")
    for name, (answer, *arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments
    return library


@dataclass(frozen=True)
class Abilities:
    """What the answering machine can do. fax: False for a line where nobody, or a person, answers."""

    resolutions: int = STANDARD | FINE
    codings: int = GROUP_3 | GROUP_3_TWO_DIMENSIONAL | GROUP_4
    error_correction: bool = True
    fax: bool = True


@dataclass
class Call:
    """What became of a call. code: the sender's completion code. confirmed: pages. frames: names of the control
    frames that the sender sent. heard: the sender's number as the far machine got it."""

    code: int = -1
    confirmed: int = 0
    heard: str = ""
    frames: list[str] = field(default_factory=list)
    seconds: float = 0


class _Machine:
    def __init__(self, library: ctypes.CDLL, *, calls: bool, number: str, abilities: Abilities) -> None:
        self.library = library
        self.ended: int | None = None
        self.confirmed = 0
        self.frames: list[str] = []
        self.fax = library.fax_init(None, int(calls))
        self.t30 = library.fax_get_t30_state(self.fax)
        self.audio = (c_int16 * _SAMPLES)()
        library.fax_set_transmit_on_idle(self.fax, 1)
        library.t30_set_tx_ident(self.t30, number.encode())
        library.t30_set_ecm_capability(self.t30, int(abilities.error_correction))
        library.t30_set_supported_modems(self.t30, _MODEMS)
        library.t30_set_supported_compressions(self.t30, abilities.codings)
        library.t30_set_supported_resolutions(self.t30, abilities.resolutions | _R8)
        library.t30_set_supported_image_sizes(self.t30, _WIDTHS_AND_LENGTHS)
        # Kept, for C knows nothing of Python's garbage.
        self._handlers = (_ON_PAGE(self._on_page), _ON_END(self._on_end), _ON_FRAME(self._on_frame))
        library.t30_set_phase_d_handler(self.t30, self._handlers[0], None)
        library.t30_set_phase_e_handler(self.t30, self._handlers[1], None)
        library.t30_set_real_time_frame_handler(self.t30, self._handlers[2], None)

    def _on_page(self, _t30: int, _user: int, frame: int) -> int:
        self.confirmed += self._name(frame) in _FAR_END_CONFIRMS
        return 0

    def _on_end(self, _t30: int, _user: int, code: int) -> None:
        self.ended = code

    def _on_frame(self, _t30: int, _user: int, received: int, message: Any, _length: int) -> None:
        if not received:
            self.frames.append(self._name(message[2]))

    def _name(self, frame: int) -> str:
        name: bytes = self.library.t30_frametype(frame)
        return name.decode()

    def speak(self) -> Any:
        made = self.library.fax_tx(self.fax, self.audio, _SAMPLES)
        for position in range(made, _SAMPLES):
            self.audio[position] = 0
        return self.audio


def call(
    tiff: Path,
    received: Path,
    *,
    far_end: Abilities | None = None,
    cut: Callable[[int, float], bool] = lambda _confirmed, _seconds: False,
) -> Call:
    """Faxes the file. cut: told how many pages are confirmed and for how many seconds that has been so; from the
    moment it answers yes the line is dead."""
    library = spandsp()
    far_end = far_end or Abilities()
    sender = _Machine(library, calls=True, number="+1 202 555 0124", abilities=Abilities())
    answering = _Machine(library, calls=False, number="+1 212 555 0103", abilities=far_end)
    library.t30_set_tx_file(sender.t30, str(tiff).encode(), -1, -1)
    library.t30_set_rx_file(answering.t30, str(received).encode(), -1)
    library.t30_set_rx_encoding(answering.t30, _AS_GROUP_4)
    silence = (c_int16 * _SAMPLES)()
    dead, since, confirmed, block = not far_end.fax, 0, 0, 0
    try:
        for block in range(_LONGEST):
            if sender.ended is not None and (answering.ended is not None or dead):
                break
            if sender.confirmed != confirmed:
                since, confirmed = block, sender.confirmed
            dead = dead or cut(confirmed, (block - since) / _BLOCKS_A_SECOND)
            there, back = sender.speak(), answering.speak()
            library.fax_rx(answering.fax, silence if dead else there, _SAMPLES)
            library.fax_rx(sender.fax, silence if dead else back, _SAMPLES)
        heard: bytes = library.t30_get_rx_ident(answering.t30) or b""
        return Call(
            code=-1 if sender.ended is None else sender.ended,
            confirmed=sender.confirmed,
            heard=heard.decode(),
            frames=sender.frames,
            seconds=block / _BLOCKS_A_SECOND,
        )
    finally:
        library.fax_free(sender.fax)
        library.fax_free(answering.fax)
