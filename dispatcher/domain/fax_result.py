"""How a fax call ended, whoever carried it: a cloud carrier, a modem of one's own, a test's telephone line."""

from dataclasses import dataclass
from enum import StrEnum


class CallEnd(StrEnum):
    DELIVERED = "delivered"  # the far machine confirmed every page
    PARTIAL = "partial"  # it confirmed some pages; others certainly never reached it
    BUSY = "busy"
    NO_ANSWER = "no_answer"  # it rang and nobody took the call
    NO_FAX = "no_fax"  # somebody answered, but no fax machine did
    LINE_ERROR = "line_error"  # two machines spoke and lost each other before a page was confirmed
    BAD_NUMBER = "bad_number"
    REJECTED = "rejected"  # the far machine or the carrier refuses for good
    OUR_SIDE = "our_side"  # our gateway, account or document
    UNKNOWN = "unknown"  # all pages went out and the last was never confirmed: they may lie in the tray


@dataclass(frozen=True, kw_only=True)
class FaxResult:
    """pages_sent: the pages of the fax that the call was to carry. pages_confirmed: those that the far machine
    confirmed (T.30 MCF), counted from the first. words: one sentence, for the log; no number stands in it."""

    end: CallEnd
    pages_sent: int
    pages_confirmed: int
    words: str


def t30_result(code: int, *, pages: int, confirmed: int) -> FaxResult:
    """From what the sending T.30 engine says at the end of a call. code: its completion code, as spandsp
    numbers them (T30_ERR_*, spandsp/t30.h of 0.0.6); HylaFAX and carriers say the same in other words.

    A machine that falls silent after the last page may have printed it: that is not known, and such a fax is
    never sent again by itself."""
    end, words = _T30_ENDS.get(code, (CallEnd.UNKNOWN, f"the call ended with T.30 code {code}"))
    if code == _T30_OK and confirmed < pages:
        end, words = CallEnd.LINE_ERROR, "the call ended before all pages were confirmed"
    if end is CallEnd.LINE_ERROR:
        if code in _AFTER_A_PAGE and confirmed == pages - 1:
            end = CallEnd.UNKNOWN
        elif confirmed:
            end = CallEnd.PARTIAL
    return FaxResult(
        end=end,
        pages_sent=pages,
        pages_confirmed=confirmed,
        words=f"{words[0].upper()}{words[1:]}; {confirmed} of {pages} {'page' if pages == 1 else 'pages'} confirmed.",
    )


_T30_OK = 0
# The page before these may have been fully sent, with nothing but its confirmation missing.
_AFTER_A_PAGE = frozenset({_T30_OK, 15, 16, 18, 21, 22, 49})
_E = CallEnd
_T30_ENDS: dict[int, tuple[CallEnd, str]] = {
    _T30_OK: (_E.DELIVERED, "all pages were sent"),
    1: (_E.LINE_ERROR, "the far machine's answering tone never ended"),
    2: (_E.NO_FAX, "no fax machine answered"),
    3: (_E.NO_FAX, "no fax machine answered"),
    4: (_E.LINE_ERROR, "the far machine was interrupted and did not come back"),
    5: (_E.LINE_ERROR, "the line carried a tone that did not end"),
    6: (_E.LINE_ERROR, "the line is too poor for any speed"),
    7: (_E.LINE_ERROR, "the far machine was interrupted by its operator"),
    8: (_E.REJECTED, "the far machine is not compatible"),
    9: (_E.REJECTED, "the far machine cannot receive"),
    10: (_E.REJECTED, "the far machine cannot send"),
    11: (_E.REJECTED, "the far machine does not take this resolution"),
    12: (_E.REJECTED, "the far machine does not take this size of page"),
    13: (_E.LINE_ERROR, "the far machine said something unexpected"),
    14: (_E.LINE_ERROR, "the two machines could not agree on a speed"),
    15: (_E.LINE_ERROR, "the far machine hung up after a page"),
    16: (_E.LINE_ERROR, "the far machine answered a page with something that cannot be understood"),
    17: (_E.LINE_ERROR, "the far machine hung up before the first page"),
    18: (_E.LINE_ERROR, "the far machine answered a page with something that cannot be understood"),
    19: (_E.LINE_ERROR, "the far machine did not say what it can do"),
    20: (_E.LINE_ERROR, "the far machine fell silent before the first page"),
    21: (_E.LINE_ERROR, "the far machine fell silent after a page"),
    22: (_E.LINE_ERROR, "the far machine did not become ready after a page"),
    **dict.fromkeys(range(41, 48), (_E.OUR_SIDE, "our pages cannot be read by the fax engine")),
    48: (_E.LINE_ERROR, "the two machines gave up after several tries"),
    49: (_E.LINE_ERROR, "the call was cut off"),
    **dict.fromkeys(range(50, 56), (_E.REJECTED, "the far machine does not accept this call")),
}
