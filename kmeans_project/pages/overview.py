"""The admin's overview of the service, with forms to change clusters and traffic."""

import difflib
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import get_script_prefix, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from clustering.config.changes import describe
from clustering.config.editing import with_clusters
from clustering.config.parameters import Parameters
from clustering.history import charts, statistics
from kmeans_project.pages import changes, verdict
from nacos_integration import (
    conf,
    current,
    instance_address,
    is_agent_running,
    md5_of,
    offline,
    publishing,
)
from nacos_integration.models import ConfigChange
from nacos_integration.web import panels as nacos_panels

CONFIRM_SECONDS: Final = 3.0
VIEW: Final = "nacos_integration.view_configchange"
PUBLISH: Final = "nacos_integration.publish_config"
CHANGE_TRAFFIC: Final = "nacos_integration.change_traffic"
ADVICE: Final = {
    "conflict": gettext_lazy(
        "Somebody else has changed the config meanwhile. That change was not overwritten. Check "
        "the preview again before you publish."
    ),
    "not-allowed": gettext_lazy(
        "The service may not write there. If the source is Nacos, grant the service's user write "
        "access to the namespace, or change the config in Nacos' console. If it is a file, make it "
        "writable for the service, or edit it."
    ),
    "unavailable": gettext_lazy(
        "The source of the config is unreachable. The current config stays in force. Try again "
        "later."
    ),
    "unreadable": gettext_lazy("The config at the source is not text. Correct it there."),
    "no-agent": gettext_lazy(
        "No agent is running on this instance, and only the agent reads and writes the config. It "
        "restarts within seconds if a process has just ended. Otherwise see the service's log."
    ),
    "late": gettext_lazy(
        "The agent did not answer in time, so the config may or may not be published. The overview "
        "shows which config is in force."
    ),
}


@never_cache
@require_safe
@permission_required(VIEW, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the page; a script refreshes its panels."""
    return _render(request, "overview", title=_("Overview"), **_panels(request))


@never_cache
@require_safe
@permission_required(VIEW, raise_exception=True)
def panels(request: HttpRequest) -> HttpResponse:
    """Answer with the panels only."""
    return render(request, "kmeans_project/panels.html", _panels(request))


class ClustersForm(forms.Form):
    """The number of clusters."""

    clusters = forms.IntegerField(
        label=gettext_lazy("clusters (k of k-means)"),
        min_value=1,
        max_value=settings.KMEANS_MAX_CLUSTERS,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required((VIEW, PUBLISH), raise_exception=True)
def clusters(request: HttpRequest) -> HttpResponse:
    """Show a form, then a preview of the change; publish it if the text is still the same.

    The form has the number in the query string at first, if there is one.
    """
    wanted = request.GET.get("clusters", "")
    in_force = current(Parameters).value.clusters
    initial = {"clusters": wanted if wanted.isdecimal() else in_force}
    form = ClustersForm(request.POST or None, initial=initial)
    context: dict[str, Any] = {
        "title": _("Change clusters"),
        "configuration": conf.load(),
        "form": form,
    }
    try:
        text = context["text"] = publishing.read_text()
        if not form.is_valid():
            return _render(request, "clusters", **context)
        after = with_clusters(text, form.cleaned_data["clusters"])
        if after == text:
            form.add_error("clusters", _("The config has this number already."))
            return _render(request, "clusters", **context)
        return _preview_or_publish(request, text, after, Parameters.parse(after)[1], context)
    except publishing.PublishingError as error:
        context |= {"problem": ADVICE[error.code], "detail": str(error)}
        return _render(request, "clusters", **context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required((VIEW, PUBLISH), raise_exception=True)
def publish_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a preview of a text that was in force earlier; publish it as `clusters` does."""
    row = get_object_or_404(ConfigChange, pk=pk, outcome=ConfigChange.Outcome.APPLIED)
    context: dict[str, Any] = {"title": _("Publish again"), "configuration": conf.load()}
    try:
        text, remarks = publishing.read_text(), Parameters.parse(row.after)[1]
        if text != row.after:
            return _preview_or_publish(request, text, row.after, remarks, context)
        context["problem"] = _("This config is published already.")
    except publishing.PublishingError as error:
        context |= {"problem": ADVICE[error.code], "detail": str(error)}
    except ValueError as error:
        context |= {"problem": _("This config is no longer accepted."), "detail": str(error)}
    return _render(request, "preview", **context)


def _preview_or_publish(
    request: HttpRequest, text: str, after: str, remarks: list[str], context: dict[str, Any]
) -> HttpResponse:
    """Show what `after` changes in `text`, or publish it if the preview's button was used."""
    if "publish" in request.POST:
        _publish(request, text, after)
        return redirect("admin:overview")
    return _render(
        request,
        "preview",
        change=describe(text, after),
        difference=_difference(text, after),
        remarks=remarks,
        keeps_details=not text or publishing.keeps_details(),
        replaces_md5=md5_of(text),
        **context,
    )


def _publish(request: HttpRequest, text: str, after: str) -> None:
    """Publish `after`, and record the user, the change and its outcome."""
    before_md5 = md5_of(text)
    if request.POST.get("replaces_md5") != before_md5:
        raise publishing.PublishingError("conflict", "the text is not the one of the preview")
    with translation.override("en"):
        change = describe(text, after)
    entry = _record(request, conf.load().config_key, changes.PUBLISHING.format(change=change))
    try:
        publishing.publish(
            after,
            replaces_md5=before_md5,
            user=request.user.get_username(),
            text_type="yaml",
        )
    except publishing.PublishingError as error:
        message = changes.PERHAPS_PUBLISHED if error.code == "late" else changes.NOT_PUBLISHED
        _record_outcome(entry, message.format(error=error, change=change))
        raise
    _record_outcome(entry, changes.PUBLISHED.format(change=change))
    messages.success(request, _("Published. The overview shows when each worker applies it."))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required((VIEW, CHANGE_TRAFFIC), raise_exception=True)
def registry(request: HttpRequest) -> HttpResponse:
    """Take this instance out of the registry, or put it back, after a confirmation."""
    if request.method != "POST":
        return _render(
            request,
            "registry",
            title=_("Put back into traffic") if offline.is_out() else _("Take out of traffic"),
            instance=instance_address(),
            is_out=offline.is_out(),
        )
    take_out = request.POST.get("wish") == "out"
    instance = instance_address()
    started, done = (
        (changes.TAKING_OUT, changes.TAKEN_OUT)
        if take_out
        else (changes.PUTTING_BACK, changes.PUT_BACK)
    )
    entry = _record(request, instance, started.format(instance=instance))
    since = offline.take_out() if take_out else offline.put_back()
    if not is_agent_running():
        message = _("Recorded. No agent is running, so it takes effect at the next start.")
    elif offline.wait_until_confirmed(since, CONFIRM_SECONDS):
        _record_outcome(entry, done.format(instance=instance))
        message = _("The registry has confirmed it.")
    else:
        message = _("Recorded, but not confirmed yet. The overview shows when it is.")
    messages.success(request, message)
    return redirect("admin:overview")


def _panels(request: HttpRequest) -> dict[str, Any]:
    configuration = conf.load()
    has_registry = configuration.uses_nacos and configuration.register_enabled
    context = {
        **nacos_panels.applied_config(),
        **nacos_panels.instances(),
        "changes": changes.recent(),
        "has_registry": has_registry,
        "may_publish": request.user.has_perm(PUBLISH),
        "may_change_traffic": has_registry and request.user.has_perm(CHANGE_TRAFFIC),
        "is_out": offline.is_out(),
        "history_enabled": settings.HISTORY_ENABLED,
    }
    for instance in context["instances"]:
        if not instance["is_own"]:
            # Only that instance can write to its state directory, so traffic is changed there.
            path = reverse("admin:overview").removeprefix(get_script_prefix().rstrip("/"))
            instance["admin_url"] = f"http://{instance['address']}{path}"
    if settings.HISTORY_ENABLED and request.user.has_perm("clustering.view_requestrecord"):
        hour = statistics.last_hour()
        context |= {"hour": hour, "charts": charts.charts(hour)}
    return context | {"problems": list(verdict.problems(context))}


def _record(request: HttpRequest, what: str, message: str) -> LogEntry:
    """Record that the user starts a change; `_record_outcome` follows."""
    assert request.user.is_authenticated
    return LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=changes.content_type(),
        object_repr=what[:200],
        action_flag=CHANGE,
        change_message=message,
    )


def _record_outcome(entry: LogEntry, message: str) -> None:
    entry.change_message = message
    entry.save(update_fields=["change_message"])


def _difference(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines of a unified diff, each with its CSS class: added, removed, or none."""
    kinds = {"+": "added", "-": "removed"}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    # The first two lines would name files.
    return [(kinds.get(line[:1], ""), line) for line in list(lines)[2:]]


def _render(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    return render(
        request, f"kmeans_project/{name}.html", {**admin.site.each_context(request), **context}
    )
