"""Words by which mail that comes back gives itself away, in the nine languages: absence, automatic answers,
failed and delayed delivery, "please confirm that you are a person", and "please stop".

Our own lists, from the wording of common mail programs. They are the last resort: where a header field of a
standard speaks (RFC 3464, RFC 3834), it is asked first.
"""

import re
import unicodedata

# A "please stop" stands at the start of an answer; further down are signatures, disclaimers and newsletters.
_READ_FOR_STOP = 3_000
# An automatic answer says so in its first sentences or in its last line.
_READ_FOR_AUTOMATIC = 1_500
_SHORT_WORDS = 3


def own_words(text: str) -> str:
    """What the sender wrote, without what they quote: our own letter may say "stop" too."""
    kept: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _begins_quotation(line, lines[number + 1 : number + 6]):
            break
        if not line.lstrip().startswith((">", "|", "＞")):
            kept.append(line)
    return "\n".join(kept).strip()


def asks_to_stop(text: str) -> bool:
    """Whether the sender's own words ask that no more mail is sent to them. "Stop interfering" is an opinion
    and no such wish: the words must speak of mail."""
    words = _folded(own_words(text))[:_READ_FOR_STOP]
    bare = words.strip(" .!?。！\n")
    if len(bare.split()) <= _SHORT_WORDS and bare in _STOP_ALONE:
        return True
    return any(pattern.search(words) for pattern in _STOP)


def is_absence(subject: str) -> bool:
    """Whether a subject begins as vacation programs begin it: a weak sign."""
    return _ABSENCE.match(_bare_subject(subject)) is not None


def says_automatic(text: str) -> bool:
    """Whether the sender's own words say that a program wrote them."""
    return _AUTOMATIC.search(_folded(own_words(text))[:_READ_FOR_AUTOMATIC]) is not None


def asks_for_proof(subject: str, text: str) -> bool:
    """Whether the mail wants its sender to prove that they are a person before it lets the letter through."""
    head = f"{_bare_subject(subject)}\n{_folded(own_words(text))[:_READ_FOR_AUTOMATIC]}"
    return _CHALLENGE.search(head) is not None


def says_failed(subject: str) -> bool:
    return _FAILED.search(_folded(subject)) is not None


def says_delayed(subject: str, text: str) -> bool:
    return (
        _DELAYED.search(_folded(subject)) is not None
        or _STILL_TRYING.search(_folded(text)[:4_000]) is not None
    )


def _folded(text: str) -> str:
    """Case, widths and kinds of apostrophes and blanks make no difference; paragraphs stay apart."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'")
    return re.sub(r"\s*\n\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text)).replace("\n", " \n")


def _bare_subject(subject: str) -> str:
    """Without "Re:" and its kin."""
    return re.sub(
        r"^(?:\s*(?:re|aw|antw|antwort|sv|rv|tr|fw|fwd|wg|回复|回覆|答复|返信|회신)\s*:\s*)+",
        "",
        _folded(subject),
    ).strip()


def _begins_quotation(line: str, following: list[str]) -> bool:
    if _ORIGINAL.search(line) or _WROTE.search(f"{line} {following[0] if following else ''}".strip()):
        return True
    rest = "\n".join(following)
    return _FROM_LINE.match(line) is not None and len(_FIELD_LINE.findall(rest)) > 1


_ORIGINAL = re.compile(
    r"^\s*[-_]{2,}\s*(?:original message|original appointment|forwarded message|ursprüngliche nachricht"
    r"|weitergeleitete nachricht|oorspronkelijk bericht|doorgestuurd bericht|message d'origine|message original"
    r"|message transféré|mensaje original|mensaje reenviado|mensagem original|mensagem encaminhada|原始邮件|原始郵件"
    r"|原邮件|元のメッセージ|転送|원본 메시지|원본 메일)",
    re.IGNORECASE,
)
_WROTE = re.compile(
    r"^(?:on|am|op|le|el|em|a)\b.{5,200}\b(?:wrote|schrieb|schreef|a écrit|écrit|escribió|escreveu)\b[^\n]{0,80}:\s*$"
    r"|^.{5,200}(?:写道|寫道|님이 작성|wrote|schrieb|schreef)\s*[:：]\s*$"
    r"|^\s*\d{4}年\d{1,2}月\d{1,2}日.{0,120}<[^>]+@[^>]+>.{0,12}[:：]\s*$",
    re.IGNORECASE,
)
_FROM_LINE = re.compile(
    r"^\s*\*?(?:from|von|van|de|发件人|寄件者|寄件人|差出人|送信者|보낸 ?사람)\*?\s*[:：]", re.IGNORECASE
)
_FIELD_LINE = re.compile(
    r"^\s*\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|verzonden|aan|onderwerp|envoyé|à|objet|enviado|fecha"
    r"|para|asunto|data|assunto|发送时间|日期|收件人|主题|主旨|送信日時|日時|宛先|件名|보낸 ?날짜|받는 ?사람|제목)\*?\s*[:：]",
    re.IGNORECASE | re.MULTILINE,
)

_STOP_ALONE = frozenset(
    {"stop", "please stop", "stop please", "stop it", "unsubscribe", "remove", "remove me", "remove us"}
    | {"abmelden", "austragen", "afmelden", "uitschrijven", "désabonner", "désinscription", "désinscrire"}
    | {"baja", "dar de baja", "descadastrar", "cancelar inscrição"}
    | {"退订", "退訂", "取消订阅", "配信停止", "수신거부", "수신 거부"}
)
_MAILS = r"(?:e-?mails?|mails?|messages?|letters?|faxes|correspondence)"
_STOP = tuple(
    re.compile(pattern)
    for pattern in (
        # English. "If you no longer wish ..." is the foot of a newsletter, not a wish of its sender.
        r"\b(?:stop|cease|cease and desist)(?: from)? (?:sending|e-?mailing|mailing|writing (?:to )?us|writing to|spamming|contacting|faxing)\b",
        rf"\bstop (?:these|this|your|all) (?:{_MAILS}|spam)\b",
        r"\b(?:do not|don't|never) (?:ever )?(?:send|write|e-?mail|mail|contact|fax) (?:to )?(?:us|me|this (?:office|embassy|consulate|mission|address|mailbox)|the embassy|the consulate)\b",
        rf"\b(?:do not|don't) send (?:any )?(?:more|further|such|these) {_MAILS}\b",
        rf"\bplease,? no (?:more|further) {_MAILS}\b",
        r"\b(?:remove|delete|take) (?:us|me|this (?:e-?mail |mail )?address|our (?:e-?mail |mail )?address(?:es)?|the embassy|the consulate)\b.{0,60}\b(?:lists?|database|recipients|distribution)\b",
        r"\b(?:we|i) (?:do not|don't|no longer) (?:wish|want) to (?:receive|get)\b",
        # German
        r"\b(?:senden|schicken|schreiben|mailen|faxen) sie (?:uns|mir|bitte|an diese adresse)?.{0,30}\b(?:keine|nicht|nichts)\b.{0,40}\b(?:mehr|weiteren?)\b",
        r"\bkeine (?:weiteren )?(?:e-?mails|mails|briefe|nachrichten|faxe|zuschriften) mehr\b",
        r"\bhören sie (?:bitte )?(?:damit )?auf\b.{0,60}(?:\bzu (?:senden|schicken|schreiben|mailen)\b|\b(?:e-?mails|mails|briefe|nachrichten)\b)",
        r"\b(?:aus|von) (?:ihrem|ihrer|dem|der) (?:e-?mail-?)?(?:verteiler|mailingliste|adressliste|liste)\b|\bunterlassen sie\b.{0,60}\b(?:zusendung|e-?mails|mails|briefe|schreiben)",
        # Dutch
        r"\bstopt?(?: u)?(?: alstublieft)?(?: met)?(?: het)? (?:sturen|versturen|toesturen|zenden|mailen|e-?mailen|schrijven)\b",
        r"\b(?:stuur|stuurt|zend|zendt|mail|mailt|schrijf)\b.{0,25}\b(?:geen|niet)\b.{0,30}\bmeer\b",
        r"\b(?:verwijder|haal|schrap)\b.{0,50}\b(?:verzendlijst|mailinglijst|adressenlijst|lijst)\b",
        # French
        r"\b(?:cessez|arrêtez|veuillez (?:cesser|arrêter)|merci (?:de cesser|d'arrêter))\b.{0,25}\b(?:envoyer|envoi|envois|écrire|contacter)\b",
        r"\bne (?:nous|m'|me) ?(?:envoyez|écrivez|contactez) (?:plus|pas)\b|\bne plus (?:nous |m')?(?:envoyer|écrire|contacter|adresser)\b|\bn'envoyez plus\b",
        r"\b(?:ne (?:souhaitons|voulons|désirons|souhaite|veux) plus recevoir|(?:retirez|supprimez|retirer|supprimer|enlevez)\b.{0,50}\bliste)",
        # Spanish
        r"\b(?:dejen?|paren?|cesen?) (?:ya )?de (?:enviar|mandar|escribir|contactar)",
        r"\bno (?:nos|me) (?:envíen?|manden?|escriban?|contacten?)\b|\bno (?:envíen?|manden?|escriban?) más\b",
        r"\bno (?:deseamos|queremos|deseo|quiero) (?:seguir )?recib(?:ir|iendo)|\b(?:den|dennos|denos|darnos|denme) de baja\b|\b(?:elimin|borr|quit|retir)[a-zé]*\b.{0,50}\blista\b",
        # Portuguese
        r"\b(?:parem?|deixem?|cessem?) de (?:nos |me )?(?:enviar|mandar|escrever|contactar|contatar)",
        r"\bnão (?:nos|me) (?:enviem?|mandem?|mande|escrevam?|escreva|contactem?|contatem?)\b|\bnão (?:enviem?|mandem?|escrevam?) mais\b",
        r"\bnão (?:desejamos|queremos|pretendemos|desejo|quero) (?:mais )?receber|\b(?:removam?|retirem?|excluam?|eliminem?)\b.{0,50}\blista\b",
        # Chinese: "do not reply to this mail" is the foot of a program's mail and does not count.
        r"(?:不要|请勿|請勿|勿|别|別)再.{0,10}(?:发|發|寄|来信|來信|写信|寫信|打扰|打擾|骚扰|騷擾)",
        r"停止.{0,10}(?:发送|發送|寄送|发信|發信|来信|來信|寄信|邮件|郵件|发邮件)|(?:不要|请勿|請勿|勿|别|別)(?:给|給|向)(?:我们|我們|我|本馆|本館|使馆|使館|领馆|領館).{0,4}(?:发|發|寄|写|寫)",
        r"(?:把|将|將).{0,12}从.{0,12}(?:名单|列表)|退订|退訂|取消订阅|取消訂閱",
        # Japanese
        r"(?:メール|手紙|書簡|ファックス|fax|連絡|送信|送付).{0,16}(?:送らないで|しないで|おやめ|お止め|やめて|止めて|お控え|控えて|停止して|中止して|ご遠慮)",
        r"(?:これ以上|今後|二度と).{0,24}(?:送らない|送付しない|送信しない|送付を|ご遠慮|お控え)|配信停止",
        # Korean
        r"(?:메일|이메일|편지|서한|팩스|연락|메시지).{0,16}(?:보내지 ?(?:마|말)|하지 ?(?:마|말)|중단|그만|삼가)|그만 ?보내|수신 ?거부",
    )
)

_ABSENCE = re.compile(
    r"(?:\[?(?:auto(?:matic)?[ -]?(?:reply|response|responder|reponse|répondeur)|automated (?:reply|response)"
    r"|out[ -]of[ -](?:the[ -])?office|ooo\b|on (?:vacation|leave|holiday)|vacation (?:reply|message|notice|response)"
    r"|away from (?:the |my )?office|i am (?:currently )?(?:out|away)"
    r"|abwesen|automatische (?:antwort|rückmeldung)|ich bin (?:derzeit )?(?:nicht im büro|im urlaub|abwesend)|urlaubsmeldung"
    r"|afwezig|automatisch(?:e)? (?:antwoord|reactie|bericht)|niet op kantoor|buiten kantoor"
    r"|réponse automatique|absen(?:t|ce)\b|message d'absence|hors du bureau|notification d'absence|en congé"
    r"|respuesta automática|fuera de (?:la )?oficina|ausen(?:te|cia)\b|mensaje automático|de vacaciones"
    r"|resposta automática|fora do escritório|ausência|em férias|mensagem automática"
    r"|自动(?:回复|答复|应答)|自動(?:回覆|答覆|返信|応答|配信)|不在|休暇|休假|外出|出差"
    r"|자동 ?(?:회신|응답|답장|답변)|부재 ?중|휴가))"
)
_AUTOMATIC = re.compile(
    r"this is an? (?:auto(?:matic|mated|-?generated|matically generated)|auto)[ -]?(?:generated )?(?:reply|response|message|e-?mail|acknowledg)"
    r"|(?:do not|don't) (?:reply|respond) to this (?:e-?mail|message|address)|(?:mailbox|address) is not monitored"
    r"|(?:generated|sent) automatically|automatic(?:ally generated)? (?:reply|response)|i (?:am|will be) (?:currently )?out of (?:the )?office"
    r"|diese (?:e-?mail|nachricht) (?:wurde|ist) automatisch|dies ist eine automatisch|automatische (?:antwort|eingangsbestätigung)|ich bin (?:derzeit |zur ?zeit )?(?:nicht im büro|im urlaub|außer haus)"
    r"|dit is een automatisch|automatisch (?:gegenereerd|antwoord|verzonden)|ontvangstbevestiging"
    r"|réponse automatique|(?:message|courriel|accusé de réception) automatique|ne (?:pas|répondez pas) répondre à ce|je suis (?:actuellement )?absente?\b"
    r"|respuesta automática|mensaje (?:automático|generado automáticamente)|no responda a este|(?:estaré|estoy) fuera de la oficina"
    r"|resposta automática|mensagem (?:automática|gerada automaticamente)|não responda a est|(?:estarei|estou) (?:fora do escritório|ausente)"
    r"|自动(?:回复|发送|答复|生成)|自動(?:回覆|發送|返信|応答|送信|配信)|(?:请|請)勿(?:直接)?(?:回复|回覆)|返信(?:は|に).{0,8}(?:できません|お答えできません)"
    r"|자동 ?(?:회신|응답|답장|발송|생성)|발신 ?전용"
)
_CHALLENGE = re.compile(
    r"\[?(?:please )?confirm (?:your (?:message|e-?mail|mail)|that you (?:sent|are))|confirm you are (?:a )?(?:human|person|not)"
    r"|verif(?:y|ication) (?:of |that )?your (?:message|e-?mail (?:message|to)|mail to)|requires? (?:sender )?verification|sender (?:verification|confirmation)"
    r"|challenge[ /-]response|spam ?arrest|boxbe|boxtrapper|mailinblack|mail in black|suspect e-?mail|approved? senders? list|waiting list .{0,40}confirm"
    r"|bitte bestätigen sie.{0,60}(?:absender|nachricht|e-?mail)|(?:absender|empfangs)prüfung"
    r"|bevestig (?:dat u|uw (?:bericht|e-?mail))|(?:confirmer|vérifi\w+) (?:l'envoi de )?votre (?:message|courriel|e-?mail|adresse)|authentifi\w+ (?:de )?votre (?:message|e-?mail)"
    r"|confirm[ae]r? (?:su|o seu|seu) (?:mensaje|correo|e-?mail|mensagem)|verific\w+ (?:su|sua|seu) (?:mensaje|correo|mensagem|e-?mail)"
    r"|(?:验证|驗證|确认|確認)(?:您|你)的?(?:邮件|郵件|身份|发件)|送信者の?(?:確認|認証)|발신자 ?(?:확인|인증)"
)
_FAILED = re.compile(
    r"undeliver|non[- ]?deliver|not (?:be )?delivered|delivery (?:status notification|has failed|failure|failed|error|problem|report)"
    r"|mail delivery (?:failed|failure|error|system)|delivery notification|failure notice|returned (?:mail|to sender)|mail returned|message (?:bounced|rejected|blocked)|bounce"
    r"|unzustellbar|nicht zugestellt|zustellung fehlgeschlagen|fehler (?:bei der )?zustellung|unzustellbarkeit"
    r"|onbestelbaar|niet (?:be|af)geleverd|niet bezorgd|bezorging mislukt"
    r"|non (?:remis|distribu|délivr)|échec (?:de la |de )?(?:remise|distribution|livraison)|notification d'échec"
    r"|no (?:se )?(?:pudo|ha podido) (?:ser )?entreg|no entregad|devuelto|error (?:de|en la) entrega|correo devuelto"
    r"|não (?:foi )?(?:entregue|pôde ser)|falha na entrega|devolvid[ao]|mensagem não entregue"
    r"|退信|退回|退件|投递失败|投遞失敗|发送失败|寄送失敗|无法(?:投递|送达)|無法(?:投遞|送達)|未送达"
    r"|配信(?:エラー|不能|失敗|できません)|送信(?:エラー|できません)|(?:届|配達).{0,6}ません|不達"
    r"|반송|(?:배달|전송|발송) ?(?:실패|불가|오류)|전달되지"
)
_DELAYED = re.compile(
    r"\bdelay(?:ed)?\b|\bwarning: (?:message|could not|return)|still (?:being retried|trying)|not (?:yet )?delivered after"
    r"|verzöger|vertrag|vertraagd|retard|retras|atras(?:o|ad)|延迟|延遲|遅延|遅れ|지연"
)
_STILL_TRYING = re.compile(
    r"no action is required on your part|delivery attempts will continue|(?:message|mail) will be retried|will (?:keep|continue) trying"
    r"|you do not need to resend|this is (?:just )?a warning|has not yet been delivered|wird weiterhin versucht|nouvelles tentatives|seguiremos intentando"
    r"|继续尝试|繼續嘗試|再送信|再試行|계속 시도"
)
