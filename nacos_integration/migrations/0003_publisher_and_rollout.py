from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('nacos_integration', '0002_permissions'),
    ]

    operations = [
        migrations.AddField(
            model_name='configchange',
            name='published_by',
            field=models.CharField(help_text='The user who published it in the admin of this instance; empty if it was published elsewhere.', max_length=150, null=True, verbose_name='published by'),
        ),
        migrations.AddField(
            model_name='configchange',
            name='workers',
            field=models.PositiveIntegerField(help_text='Of this instance, when all of them had the config.', null=True, verbose_name='workers'),
        ),
        migrations.AddField(
            model_name='configchange',
            name='in_force_after_seconds',
            field=models.FloatField(help_text='From the moment it was applied until the last worker had it.', null=True, verbose_name='in all workers after (s)'),
        ),
    ]
