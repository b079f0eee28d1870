from django.db import models


class BlockedIP(models.Model):
    ip = models.GenericIPAddressField(unique=True)
    is_manual = models.BooleanField(default=False)

    class Meta:
        app_label = "firewall"
