import pytest

from dispatcher.domain.mail_words import (
    asks_to_stop,
    is_absence,
    own_words,
    says_automatic,
    says_delayed,
    says_failed,
)
from tests.samples.returned_mail import ABSENCES, ACKNOWLEDGEMENTS, ANSWERS, STOPS


@pytest.mark.parametrize("name", STOPS)
def test_a_wish_to_stop_is_understood(name: str) -> None:
    assert asks_to_stop(STOPS[name])


@pytest.mark.parametrize("name", [*ANSWERS, *ACKNOWLEDGEMENTS])
def test_an_answer_is_no_wish_to_stop(name: str) -> None:
    assert not asks_to_stop((ANSWERS | ACKNOWLEDGEMENTS)[name])


@pytest.mark.parametrize(
    "text",
    [
        "If you no longer wish to receive these emails, unsubscribe here: https://x.example",
        "We will not stop working for peace.",
        "If you are not the intended recipient, do not copy or forward this message and remove it from your system.",
        "Wir beantworten keine Briefe dieser Art.",
        "请勿回复此邮件。",
        "Please do not send money or passports by mail.",
        "Do not send original documents.",
    ],
)
def test_the_feet_of_mails_and_opinions_are_no_wish_to_stop(text: str) -> None:
    assert not asks_to_stop(text)


@pytest.mark.parametrize("language", ABSENCES)
def test_an_absence_begins_its_subject_so(language: str) -> None:
    subject, _ = ABSENCES[language]
    assert is_absence(subject)
    assert is_absence(f"Re: {subject}")
    assert not is_absence(f"A request about {subject}")


@pytest.mark.parametrize(
    "subject", ["Re: A request", "Your letter", "Office hours", "关于您的来信", "편지 감사합니다"]
)
def test_other_subjects_are_no_absence(subject: str) -> None:
    assert not is_absence(subject)


@pytest.mark.parametrize("language", ACKNOWLEDGEMENTS)
def test_a_program_says_what_it_is(language: str) -> None:
    assert says_automatic(ACKNOWLEDGEMENTS[language])


@pytest.mark.parametrize("name", ANSWERS)
def test_a_person_does_not(name: str) -> None:
    assert not says_automatic(ANSWERS[name])


@pytest.mark.parametrize(
    "subject",
    [
        "Undelivered Mail Returned to Sender", "Undeliverable: A request", "failure notice", "Unzustellbar: A request",
        "Niet bezorgd: A request", "Non remis : A request", "No se puede entregar: devuelto", "Não entregue: A request",
        "系统退信", "配信不能のお知らせ", "메일 반송 안내",
    ],
)  # fmt: skip
def test_a_failure_is_read_from_its_subject(subject: str) -> None:
    assert says_failed(subject)
    assert not says_delayed(subject, "")


@pytest.mark.parametrize("subject", ["Re: A request", "Your letter was delivered", "来信收悉"])
def test_other_subjects_speak_of_no_failure(subject: str) -> None:
    assert not says_failed(subject)


@pytest.mark.parametrize(
    "quotation",
    [
        "On Fri, 24 Sep 2027 at 09:00, Jane Doe <jane@x.example> wrote:\nplease stop",
        "On Fri, 24 Sep 2027 at 09:00, Jane Doe via Refugees Day\n<letters@campaign.example.org> wrote:\nplease stop",
        "Am 24.09.2027 um 09:00 schrieb Jane Doe:\nplease stop",
        "Op vr 24 sep. 2027 om 09:00 schreef Jane Doe <jane@x.example>:\nplease stop",
        "Le ven. 24 sept. 2027 à 09:00, Jane Doe <jane@x.example> a écrit :\nplease stop",
        "El vie, 24 sept 2027 a las 9:00, Jane Doe (<jane@x.example>) escribió:\nplease stop",
        "Em sex., 24 de set. de 2027 às 09:00, Jane Doe <jane@x.example> escreveu:\nplease stop",
        "2027年9月24日(金) 9:00 Jane Doe <jane@x.example>:\nplease stop",
        "在 2027-09-24 09:00:00，Jane Doe <jane@x.example> 写道：\nplease stop",
        "2027년 9월 24일 (금) 오전 9:00, Jane Doe <jane@x.example>님이 작성:\nplease stop",
        "-----Original Message-----\nFrom: Jane\nplease stop",
        "-----原始邮件-----\nplease stop",
        "________________________________\nVon: Jane Doe\nGesendet: Freitag\nAn: Botschaft\nBetreff: x\nplease stop",
        "发件人: Jane\n发送时间: 2027\n收件人: 使馆\n主题: x\nplease stop",
        "> please stop",
    ],
)
def test_what_is_quoted_is_not_their_own(quotation: str) -> None:
    assert "please stop" not in own_words(f"Thank you.\n\n{quotation}")
    assert own_words(f"Thank you.\n\n{quotation}").startswith("Thank you.")


def test_hostile_texts_are_read_quickly() -> None:
    for text in (
        "a " * 50_000,
        "> " * 50_000,
        "on " * 30_000,
        "stop sending" * 9_000,
        "不要再" * 30_000,
        "\n" * 90_000,
    ):
        asks_to_stop(text)
        own_words(text)
        says_automatic(text)
