"""Mails as they come back, written after real ones of each kind of server and program.

    sample(POSTFIX_FAILED, to="embassy@nl.mission.example", token=..., message_id="<..>")

`{to}` is the mission's mailbox, `{back}` our return path, `{id}` the Message-ID of our letter.
"""

import base64
from collections.abc import Mapping
from email.header import Header

MISSION = "embassy@nl.mission.example"
TOKEN = "1f-" + "a" * 32
BACK = f"bounce+{TOKEN}@campaign.example.org"
LETTER_ID = "<ourletter2027@campaign.example.org>"


def sample(text: str, *, to: str = MISSION, back: str = BACK, message_id: str = LETTER_ID) -> bytes:
    filled = text.replace("{to}", to).replace("{back}", back).replace("{id}", message_id)
    return filled.replace("\n", "\r\n").encode()


def _report(
    *,
    sender: str,
    subject: str,
    words: str,
    fields: str,
    header: str = "",
    message_fields: str = "Reporting-MTA: dns; mx.nl.mission.example",
    returned: str = "text/rfc822-headers",
) -> str:
    return f"""\
Return-Path: <>
Delivered-To: {{back}}
From: {sender}
To: {{back}}
Subject: {subject}
Message-ID: <report.1@mx.nl.mission.example>
{header}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"

--=_report
Content-Type: text/plain; charset=utf-8

{words}

--=_report
Content-Type: message/delivery-status

{message_fields}

{fields}

--=_report
Content-Type: {returned}

Return-Path: <{{back}}>
From: "Jane Doe via Refugees Day" <letters@campaign.example.org>
To: {{to}}
Subject: A request
Message-ID: {{id}}

--=_report--
"""


POSTFIX_FAILED = _report(
    sender="MAILER-DAEMON@mx.nl.mission.example (Mail Delivery System)",
    subject="Undelivered Mail Returned to Sender",
    header="Auto-Submitted: auto-replied\n",
    words="This is the mail system at host mx.nl.mission.example.\n\n<{to}>: host mail[192.0.2.7] said: 550 5.1.1 User unknown",
    fields="Final-Recipient: rfc822; {to}\nOriginal-Recipient: rfc822;{to}\nAction: failed\nStatus: 5.1.1\n"
    "Remote-MTA: dns; mail\nDiagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected: User unknown",
)
POSTFIX_DELAYED = _report(
    sender="MAILER-DAEMON@relay.example (Mail Delivery System)",
    subject="Delayed Mail (still being retried)",
    header="Auto-Submitted: auto-replied\n",
    words="# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #",
    fields="Final-Recipient: rfc822; {to}\nAction: delayed\nStatus: 4.4.1\n"
    "Diagnostic-Code: X-Postfix; connect to mx[192.0.2.7]:25: Connection timed out",
)
POSTFIX_DELIVERED = _report(
    sender="MAILER-DAEMON@mx.nl.mission.example (Mail Delivery System)",
    subject="Successful Mail Delivery Report",
    header="Auto-Submitted: auto-replied\n",
    words="Your message was successfully delivered to the destination(s) listed below.",
    message_fields="Reporting-MTA: dns; mx.nl.mission.example\nOriginal-Envelope-Id: 1f",
    fields="Final-Recipient: rfc822; {to}\nAction: delivered\nStatus: 2.0.0\nDiagnostic-Code: x-unix; delivered to mailbox",
)
POSTFIX_RELAYED = _report(
    sender="MAILER-DAEMON@relay.example (Mail Delivery System)",
    subject="Mail Delivery Status Report",
    words="The message was relayed to a system that does not confirm delivery.",
    fields="Final-Recipient: rfc822; {to}\nAction: relayed\nStatus: 2.0.0\nDiagnostic-Code: smtp; 250 2.0.0 OK",
)
POSTFIX_EXPIRED = _report(
    sender="MAILER-DAEMON@relay.example (Mail Delivery System)",
    subject="Undelivered Mail Returned to Sender",
    words="<{to}>: connect to mx[192.0.2.7]:25: Connection timed out",
    fields="Final-Recipient: rfc822; {to}\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; Connection timed out",
)
EXIM_FAILED = _report(
    sender="Mail Delivery System <Mailer-Daemon@mx.nl.mission.example>",
    subject="Mail delivery failed: returning message to sender",
    header="Auto-Submitted: auto-replied\nX-Failed-Recipients: {to}\n",
    words="This message was created automatically by mail delivery software.\n\n  {to}\n    Unrouteable address",
    fields="Action: failed\nFinal-Recipient: rfc822;{to}\nStatus: 5.0.0\nRemote-MTA: dns; mail\n"
    "Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist",
    returned="message/rfc822",
)
# Without the machine-readable part, as Exim wrote until 4.90 and many still do.
EXIM_PLAIN = """\
Return-Path: <>
Envelope-To: {back}
From: Mail Delivery System <Mailer-Daemon@mx.nl.mission.example>
To: {back}
Subject: Mail delivery failed: returning message to sender
X-Failed-Recipients: {to}
Auto-Submitted: auto-replied

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {to}
    SMTP error from remote mail server after RCPT TO:<{to}>:
    host mail.nl.mission.example [192.0.2.7]: 550 5.7.1 Message rejected as spam
"""
EXCHANGE_FAILED = _report(
    sender="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@nl.mission.example>",
    subject="Undeliverable: A request",
    header="Auto-Submitted: auto-replied\nX-MS-Exchange-Message-Is-Ndr:\nX-Auto-Response-Suppress: All\n",
    words="Delivery has failed to these recipients or groups:\n\n{to}\nThe email address you entered couldn't be found.",
    message_fields="Reporting-MTA: dns;EX01.nl.mission.example\nReceived-From-MTA: dns;relay.example",
    fields="Final-Recipient: rfc822;{to}\nAction: failed\nStatus: 5.1.10\n"
    "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
)
EXCHANGE_FULL = _report(
    sender="postmaster@nl.mission.example",
    subject="Unzustellbar: A request",
    words="Das Postfach des Empfängers ist voll.",
    fields="Final-Recipient: rfc822;{to}\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp;554 5.2.2 mailbox full",
)
EXCHANGE_EXPANDED = _report(
    sender="postmaster@nl.mission.example",
    subject="Expanded: A request",
    words="Your message was expanded.",
    fields="Final-Recipient: rfc822;{to}\nAction: expanded\nStatus: 2.0.0",
)
GMAIL_FAILED = _report(
    sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    subject="Delivery Status Notification (Failure)",
    header="Auto-Submitted: auto-replied\nX-Failed-Recipients: {to}\nIn-Reply-To: {id}\nReferences: {id}\n",
    words="** Address not found **\n\nYour message wasn't delivered to {to} because the address couldn't be found.",
    message_fields="Reporting-MTA: dns; googlemail.com\nX-Original-Message-ID: {id}",
    fields="Final-Recipient: rfc822; {to}\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; gmail-smtp-in.l.google.com.\n"
    "Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. gsmtp",
    returned="message/rfc822",
)
SENDMAIL_FAILED = _report(
    sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.nl.mission.example>",
    subject="Returned mail: see transcript for details",
    words="   ----- The following addresses had permanent fatal errors -----\n<{to}>\n    (reason: 550 5.7.1 Access denied)",
    fields="Original-Recipient: rfc822;{to}\nFinal-Recipient: RFC822; {to}\nAction: failed\nStatus: 5.7.1\n"
    "Diagnostic-Code: SMTP; 550 5.7.1 Access denied",
)
OPENSMTPD_FAILED = _report(
    sender="Mailer Daemon <MAILER-DAEMON@mx.nl.mission.example>",
    subject="Delivery status notification: error",
    words="    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.",
    fields="Final-Recipient: rfc822; {to}\nAction: error\nStatus: 5.1.1",
)
QMAIL_FAILED = """\
Return-Path: <>
Delivered-To: {back}
From: MAILER-DAEMON@mx.nl.mission.example
To: {back}
Subject: failure notice

Hi. This is the qmail-send program at mx.nl.mission.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{to}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <{back}>
Message-ID: {id}
Subject: A request
"""


def _encoded(text: str, charset: str) -> str:
    return base64.encodebytes(text.encode(charset)).decode()


# 163.com: no delivery-status part, all in HTML, in GBK.
NETEASE_FAILED = f"""\
Return-Path: <>
Delivered-To: {{back}}
From: Postmaster@163.com
To: {{back}}
Subject: {Header("系统退信", "gbk").encode()}
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_163"

--=_163
Content-Type: text/html; charset=gbk
Content-Transfer-Encoding: base64

{_encoded("<html><body><h2>抱歉，您的邮件被退回来了</h2><p>收件人：embassy@nl.mission.example</p><p>退信原因：收件人邮件地址不存在</p><p>550 User not found: embassy@nl.mission.example</p></body></html>", "gbk")}
--=_163
Content-Type: message/rfc822

Return-Path: <{{back}}>
To: {{to}}
Subject: A request
Message-ID: {{id}}

--=_163--
"""
# QQ mail: a report, with words in GB18030.
QQ_FAILED = _report(
    sender="=?gb18030?B?"
    + base64.b64encode("QQ邮箱管理员".encode("gb18030")).decode()
    + "?= <PostMaster@qq.com>",
    subject="=?gb18030?B?" + base64.b64encode("来自qq.com的退信".encode("gb18030")).decode() + "?=",
    words="很抱歉您发送的邮件被退回，以下是该邮件的相关信息：",
    message_fields="Reporting-MTA: dns; qq.com",
    fields="Final-Recipient: rfc822; {to}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help",
)
# Coremail, which many Chinese ministries run.
COREMAIL_FAILED = _report(
    sender="postmaster@mfa.example.cn",
    subject=Header("系统退信/Systems bounce", "utf-8").encode(),
    words="您的邮件无法送达收件人。 I'm sorry to have to inform you that the message returned below could not be delivered.",
    message_fields="Reporting-MTA: dns; coremail",
    fields="Final-Recipient: rfc822; {to}\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 User not found",
)
COREMAIL_PLAIN = f"""\
Return-Path: <>
Delivered-To: {{back}}
From: <MAILER-DAEMON@mail.mfa.example.cn>
To: {{back}}
Subject: {Header("系统退信", "utf-8").encode()}
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

{_encoded("您发往 embassy@nl.mission.example 的邮件投递失败：邮箱已满。550 5.2.2 Mailbox full", "utf-8")}"""
JAPANESE_FAILED = f"""\
Return-Path: <>
Delivered-To: {{back}}
From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.jp>
To: {{back}}
Subject: {Header("配信不能のお知らせ", "iso-2022-jp").encode()}
Content-Type: text/plain; charset=iso-2022-jp
Content-Transfer-Encoding: base64

{_encoded("次の宛先に届けられませんでした。 550 5.1.1 unknown user", "iso-2022-jp")}"""
KOREAN_FAILED = f"""\
Return-Path: <>
Delivered-To: {{back}}
From: postmaster@mail.example.kr
To: {{back}}
Subject: {Header("메일 전송 실패 안내", "euc-kr").encode()}
Content-Type: text/plain; charset=euc-kr
Content-Transfer-Encoding: base64

{_encoded("수신자의 메일 주소가 존재하지 않습니다. 550 5.1.1 no such user", "euc-kr")}"""
# A status part that came base64-encoded, against RFC 3464.
ENCODED_STATUS = f"""\
Return-Path: <>
Delivered-To: {{back}}
From: postmaster@nl.mission.example
Subject: Delivery report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_r"

--=_r
Content-Type: text/plain

Not delivered.

--=_r
Content-Type: message/delivery-status
Content-Transfer-Encoding: base64

{
    _encoded(
        '''Reporting-MTA: dns; mx

Final-Recipient: rfc822; embassy@nl.mission.example
Action: failed
Status: 5.1.1
''',
        "ascii",
    )
}
--=_r--
"""
# The mission forwards its mail, and what it forwards to has failed.
FORWARDED_ELSEWHERE = _report(
    sender="MAILER-DAEMON@webmail.example (Mail Delivery System)",
    subject="Undelivered Mail Returned to Sender",
    words="<third.secretary@webmail.example>: mailbox unavailable",
    fields="Final-Recipient: rfc822; third.secretary@webmail.example\nAction: failed\nStatus: 5.1.1",
)
# One of two mailboxes behind an alias failed; the other has it.
HALF_ARRIVED = _report(
    sender="MAILER-DAEMON@mx.nl.mission.example (Mail Delivery System)",
    subject="Mail delivery report",
    words="Mixed.",
    fields="Original-Recipient: rfc822;{to}\nFinal-Recipient: rfc822; a@nl.mission.example\nAction: failed\nStatus: 5.2.2\n\n"
    "Original-Recipient: rfc822;{to}\nFinal-Recipient: rfc822; b@nl.mission.example\nAction: delivered\nStatus: 2.0.0",
)

# name: (mail, kind, status)
BOUNCES: Mapping[str, tuple[str, str, str]] = {
    "postfix": (POSTFIX_FAILED, "bounced", "5.1.1"),
    "postfix expired": (POSTFIX_EXPIRED, "bounced", "4.4.1"),
    "exim": (EXIM_FAILED, "bounced", "5.1.1"),
    "exim without report": (EXIM_PLAIN, "bounced", "5.7.1"),
    "exchange": (EXCHANGE_FAILED, "bounced", "5.1.10"),
    "exchange, full": (EXCHANGE_FULL, "bounced", "5.2.2"),
    "gmail": (GMAIL_FAILED, "bounced", "5.1.1"),
    "sendmail": (SENDMAIL_FAILED, "bounced", "5.7.1"),
    "opensmtpd": (OPENSMTPD_FAILED, "bounced", "5.1.1"),
    "qmail": (QMAIL_FAILED, "bounced", "5.1.1"),
    "163": (NETEASE_FAILED, "bounced", "5.0.0"),
    "qq": (QQ_FAILED, "bounced", "5.1.1"),
    "coremail": (COREMAIL_FAILED, "bounced", "5.0.0"),
    "coremail without report": (COREMAIL_PLAIN, "bounced", "5.2.2"),
    "japanese": (JAPANESE_FAILED, "bounced", "5.1.1"),
    "korean": (KOREAN_FAILED, "bounced", "5.1.1"),
    "encoded status": (ENCODED_STATUS, "bounced", "5.1.1"),
    "postfix delayed": (POSTFIX_DELAYED, "delayed", "4.4.1"),
    "postfix delivered": (POSTFIX_DELIVERED, "delivered", "2.0.0"),
    "postfix relayed": (POSTFIX_RELAYED, "relayed", "2.0.0"),
    "exchange expanded": (EXCHANGE_EXPANDED, "relayed", "2.0.0"),
    "half arrived": (HALF_ARRIVED, "delivered", "2.0.0"),
    "forwarded elsewhere": (FORWARDED_ELSEWHERE, "unsorted", "5.1.1"),
}


def mail(
    subject: str, text: str, *, header: str = "", sender: str = "Consul Li <li@nl.mission.example>"
) -> str:
    """A mail in answer to the letter."""
    return f"""\
Return-Path: <li@nl.mission.example>
Delivered-To: letters@campaign.example.org
From: {sender}
To: letters@campaign.example.org
Subject: {Header(subject, "utf-8").encode()}
Message-ID: <answer.1@nl.mission.example>
In-Reply-To: {{id}}
{header}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

{_encoded(text, "utf-8")}"""


_QUOTED = "\n\nOn Fri, 24 Sep 2027 at 09:00, Jane Doe via Refugees Day <letters@campaign.example.org> wrote:\n> Please stop sending people back. Do not send us more\n> letters, we said. Stop sending these messages."
# With no header field that gives them away: by subject, by words.
ABSENCES = {
    "en": ("Automatic reply: A request", "I am out of the office until 4 October."),
    "de": (
        "Abwesenheitsnotiz: A request",
        "Ich bin bis zum 4. Oktober nicht im Büro. Bitte wenden Sie sich an Frau Wang.",
    ),
    "nl": ("Automatisch antwoord: A request", "Ik ben afwezig tot 4 oktober."),
    "fr": ("Réponse automatique : A request", "Je suis absent jusqu'au 4 octobre."),
    "es": ("Respuesta automática: A request", "Estaré fuera de la oficina hasta el 4 de octubre."),
    "pt": ("Resposta automática: A request", "Estou ausente até 4 de outubro."),
    "ko": ("자동 회신: A request", "10월 4일까지 부재중입니다."),
    "ja": ("自動返信：A request", "10月4日まで休暇をいただいております。"),
    "zh": ("自动回复: A request", "您的邮件已收到，我们会尽快处理。"),
}
ACKNOWLEDGEMENTS = {
    "en": "Thank you for contacting the embassy. This is an automated message, please do not reply to this email.",
    "de": "Vielen Dank für Ihre Nachricht. Dies ist eine automatisch erzeugte Eingangsbestätigung.",
    "nl": "Dank voor uw bericht. Dit is een automatisch gegenereerd bericht.",
    "fr": "Nous avons bien reçu votre message. Ceci est un message automatique, merci de ne pas répondre à ce courriel.",
    "es": "Hemos recibido su mensaje. Este es un mensaje automático; por favor, no responda a este correo.",
    "pt": "Recebemos a sua mensagem. Esta é uma mensagem automática; por favor, não responda a este e-mail.",
    "ko": "귀하의 메일을 잘 받았습니다. 이 메일은 발신 전용입니다.",
    "ja": "メールを受け付けました。このメールは自動送信されています。",
    "zh": "您好，您的来信已收到。此邮件由系统自动发送，请勿回复。",
}
ANSWERS = {
    "en": "Dear Ms Doe,\n\nthe Embassy has taken note of your letter and has passed it on to the relevant department.\n\nLi, Second Secretary"
    + _QUOTED,
    "en, angry": "Please stop interfering in the internal affairs of China. We will not forward your letter. Do not believe Western media.",
    "de": "Sehr geehrte Frau Doe,\n\nwir haben Ihren Brief erhalten. China handelt nach dem Recht. Hören Sie auf, sich in unsere inneren Angelegenheiten einzumischen.",
    "nl": "Geachte mevrouw Doe,\n\nDe ambassade heeft uw brief ontvangen en doorgestuurd.",
    "fr": "Madame,\n\nVotre lettre nous est bien parvenue. Nous l'avons transmise aux autorités compétentes.",
    "es": "Estimada señora:\n\nHemos leído su carta y la hemos transmitido. No envíe dinero.",
    "pt": "Prezada senhora,\n\nRecebemos e lemos a sua carta. Cordialmente,",
    "ko": "안녕하세요.\n\n보내 주신 편지를 잘 읽었으며 본국에 전달하겠습니다.",
    "ja": "拝啓\n\nお手紙を拝読いたしました。本国に伝えます。",
    "zh": "您好：\n\n来信收悉。中国政府依法处理有关问题，请不要相信不实报道。",
}
STOPS = {
    "en": "Please stop sending these emails to the embassy." + _QUOTED,
    "en, list": "Kindly remove us from your mailing list.",
    "en, short": "STOP",
    "en, formal": "The Embassy does not accept such letters. Do not write to us again.",
    "de": "Bitte senden Sie uns keine weiteren E-Mails mehr.",
    "de, list": "Nehmen Sie uns aus Ihrem Verteiler.",
    "nl": "Stuur ons alstublieft geen berichten meer.",
    "nl, stop": "Stop met het sturen van deze mails.",
    "fr": "Veuillez cesser de nous envoyer ces messages.",
    "fr, plus": "Merci de ne plus nous écrire.",
    "es": "Por favor, dejen de enviar estos correos.",
    "es, no": "No nos envíen más cartas.",
    "pt": "Parem de enviar estas mensagens.",
    "pt, não": "Por favor, não nos enviem mais cartas.",
    "ko": "더 이상 이런 메일을 보내지 마십시오.",
    "ko, refuse": "수신 거부합니다.",
    "ja": "今後このようなメールを送らないでください。",
    "ja, formal": "今後の送付はご遠慮ください。",
    "zh": "请不要再发送此类邮件。",
    "zh, stop": "请停止发送邮件。",
    "zh, us": "请勿向我们寄信。",
}
CHALLENGES = {
    "spam arrest": (
        "Re: A request (verification)",
        "Please click the link below to verify your message. Spam Arrest",
    ),
    "tmda": ("Please confirm your message", "To release your message, simply reply."),
    "mailinblack": ("Vérification de votre message", "Mailinblack protège cette adresse."),
    "chinese": ("请确认您的邮件", "请点击链接验证您的身份后，邮件才会送达。"),
}
READ_RECEIPT = """\
Return-Path: <li@nl.mission.example>
Delivered-To: letters@campaign.example.org
From: li@nl.mission.example
Subject: Read: A request
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="=_m"

--=_m
Content-Type: text/plain

Your message was read.

--=_m
Content-Type: message/disposition-notification

Final-Recipient: rfc822;{to}
Original-Message-ID: {id}
Disposition: manual-action/MDN-sent-manually; displayed

--=_m
Content-Type: text/rfc822-headers

Message-ID: {id}

--=_m--
"""
COMPLAINT = """\
Return-Path: <feedback@provider.example>
Delivered-To: {back}
From: feedback@provider.example
Subject: Complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=_f"

--=_f
Content-Type: text/plain

This is an email abuse report.

--=_f
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1

--=_f
Content-Type: message/rfc822

Message-ID: {id}
Subject: A request

--=_f--
"""
