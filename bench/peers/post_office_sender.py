"""django-post_office with its defaults on SQLite: letters queued first (not timed), then sent as its command does."""

import time
from tempfile import TemporaryDirectory

import django
from django.conf import settings
from django.core.management import call_command
from peer_letter import LETTERS, PORT, SENDER, WORK, recipient, reply_to, report, subject, text

CHUNK = 1000


def main(folder: str) -> None:
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{folder}/post-office.sqlite3",
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL;"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=PORT,
        LOGGING_CONFIG=None,
        SECRET_KEY="bench",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from post_office import mail  # noqa: PLC0415 - Django is set up only now
    from post_office.models import STATUS, Email  # noqa: PLC0415

    for start in range(0, LETTERS, CHUNK):
        mail.send_many([letter(number) for number in range(start, min(start + CHUNK, LETTERS))])
    began, cpu = time.perf_counter(), time.process_time()
    call_command("send_queued_mail", processes=1)
    report(began, cpu)
    assert Email.objects.filter(status=STATUS.sent).count() == LETTERS


def letter(number: int) -> dict[str, object]:
    return {
        "recipients": [recipient(number)],
        "sender": SENDER,
        "subject": subject(number),
        "message": text(number),
        "headers": {"Reply-To": reply_to(number)},
    }


with TemporaryDirectory(dir=WORK) as own_folder:
    main(own_folder)
