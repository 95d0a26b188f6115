"""The parts of a letter: who it is addressed to and how it greets, what it says, how it takes leave and signs.

Only a form that is known is set apart; everything else is the body. The rules of respect read every part: one may
be rude in a greeting, too. A model, and the finding of the language, leave names and addresses alone.
"""

import re
from dataclasses import dataclass

_HEAD_LINES = 10  # lines among which the greeting is looked for: an address stands above it
_TAIL_LINES = 10  # lines that a leave-taking, a name and an address fill
_LINE = 100  # characters of a line that may be a greeting, an address or a name
_WORDS_OF_A_LEAVE = 8  # "With the highest respect and kind regards to you"; more is a sentence

# How greetings and leave-takings begin, in nine languages, folded by casefold.
_GREETINGS = (
    *(
        "dear ",
        "your excellenc",
        "excellenc",
        "honourable ",
        "honorable ",
        "esteemed ",
        "respected ",
        "to the ",
    ),
    *(
        "to his ",
        "to her ",
        "mr",
        "mister ",
        "madam",
        "sir",
        "good morning",
        "good day",
        "greetings",
        "hello",
    ),
    *(
        "sehr geehrte",
        "verehrte",
        "geehrte",
        "exzellenz",
        "eure exzellenz",
        "liebe",
        "guten tag",
        "hochverehrte",
    ),
    *("geachte", "excellentie", "uwe excellentie", "hooggeachte", "beste", "weledel"),
    *("monsieur", "madame", "mesdames", "messieurs", "cher", "chère", "votre excellence", "son excellence"),
    *(
        "estimad",
        "excelent",
        "excelencia",
        "su excelencia",
        "vuestra excelencia",
        "distinguid",
        "querid",
        "señor",
    ),
    *(
        "excelênc",
        "excelent",
        "vossa excel",
        "prezad",
        "senhor",
        "exmo",
        "exma",
        "ilustr",
        "carid",
        "caro ",
        "cara ",
    ),
    *("존경하", "친애하", "안녕하", "대사", "주석", "拝啓", "謹啓", "大使", "閣下", "国家主席", "親愛なる"),
    *("尊敬", "敬启", "敬啟", "您好", "致", "亲爱", "親愛"),
)
_LEAVES = (
    *(
        "with ",
        "your",
        "sincerely",
        "respectfully",
        "faithfully",
        "kind ",
        "best ",
        "warm",
        "in hope",
        "thank you",
    ),
    *("regards", "in peace", "cordially", "gratefully", "hopefully", "most respectfully", "very ", "signed"),
    *(
        "mit ",
        "hochachtung",
        "freundliche",
        "herzlich",
        "in hoffnung",
        "ihr ",
        "ihre ",
        "respektvoll",
        "es grüßt",
    ),
    *("met ", "hoogachtend", "vriendelijke", "met respect", "in hoop", "uw ", "groet"),
    *(
        "avec ",
        "veuillez ",
        "respectueusement",
        "cordialement",
        "je vous prie",
        "dans l'espoir",
        "bien à vous",
    ),
    *(
        "atentamente",
        "con ",
        "respetuosamente",
        "cordialmente",
        "saludos",
        "le saluda",
        "reciba ",
        "suyo",
        "suya",
    ),
    *("atenciosamente", "com ", "respeitosamente", "cordialmente", "saudações", "cumprimentos", "grat"),
    *("존경", "감사", "드림", "올림", "진심", "깊은", "敬具", "謹白", "敬意", "心より", "かしこ", "草々"),
    *("此致", "敬礼", "敬禮", "敬上", "顺颂", "順頌", "谨上", "謹上", "致敬", "谨启"),
)
_ENDS_SENTENCE = re.compile(r"[.!?。！？]$")
_LINES = re.compile(r"[^\n]+")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Offsets in the letter: the body stands between the two, [0, body) opens and [leave, end) closes it."""

    body: int
    leave: int

    def holds(self, start: int) -> bool:
        """Does the sentence that starts here belong to the body?"""
        return self.body <= start < self.leave


def parts_of(text: str) -> Parts:
    lines = [line.span() for line in _LINES.finditer(text) if line.group().strip()]
    body = _end_of_greeting(text, lines[:_HEAD_LINES])
    leave = _start_of_leave(text, [line for line in lines[-_TAIL_LINES:] if line[0] >= body])
    return Parts(body=body, leave=leave)


def _end_of_greeting(text: str, lines: list[tuple[int, int]]) -> int:
    for start, end in lines:
        line = text[start:end].strip().casefold()
        if len(line) > _LINE or (_ENDS_SENTENCE.search(line) and not line.startswith(_GREETINGS)):
            return 0
        if line.endswith((",", ":", "，", "：", "、")) and line.startswith(_GREETINGS):
            return end
    return 0


def _start_of_leave(text: str, lines: list[tuple[int, int]]) -> int:
    """The last leave-taking after which nothing but short lines stand."""
    leave = len(text)
    for start, end in reversed(lines):
        line = text[start:end].strip()
        if len(line) > _LINE:
            break
        if line.casefold().startswith(_LEAVES) and len(line.split()) <= _WORDS_OF_A_LEAVE:
            leave = start
        elif _ENDS_SENTENCE.search(line):
            break
    return leave
