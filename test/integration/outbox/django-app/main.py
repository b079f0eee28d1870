"""A whole Django app in one file: what docs/append.md shows, run against the test's database."""

import os
from urllib.parse import urlparse

import django
from django.conf import settings

url = urlparse(os.environ["DATABASE_URL"])
settings.configure(
    INSTALLED_APPS=["firewall"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "PASSWORD": url.password or "",
            "HOST": url.hostname,
            "PORT": url.port,
        }
    },
)
django.setup()

from django.db import connection, transaction  # noqa: E402
from firewall.events import append  # noqa: E402
from firewall.models import BlockedIP  # noqa: E402
from firewall.services import block  # noqa: E402

with connection.schema_editor() as editor:
    editor.create_model(BlockedIP)

SUBJECT = "0x" + "5b" * 32
print(block("198.51.100.7", SUBJECT, "job-1"))
print(block("198.51.100.7", SUBJECT, "job-1"))

try:
    with transaction.atomic():
        block("198.51.100.8", "0x" + "0c" * 32, "job-2")
        raise RuntimeError("the app changed its mind")
except RuntimeError:
    print("rolled back")

with transaction.atomic():
    outcome, _ = append("block-ip.requested", SUBJECT, {"manual": False, "expiresAt": 1893456000})
print(outcome)
print(BlockedIP.objects.count(), "row")
