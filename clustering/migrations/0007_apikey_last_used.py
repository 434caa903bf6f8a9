from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clustering', '0006_history_model'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='last_used',
            field=models.DateTimeField(editable=False, help_text='Exact to the minute.', null=True, verbose_name='last used'),
        ),
    ]
