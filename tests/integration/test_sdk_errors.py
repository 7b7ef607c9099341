"""Errors of the SDK are known by their code."""

import pytest
from botocore.client import BaseClient
from botocore.errorfactory import ClientExceptionsFactory

from devkit.builders import NOW, WEEK, member_changed
from devkit.service import Service


def test_a_class_of_errors_that_another_thread_made_is_handled_like_the_own_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`client.exceptions` is made at its first use, by each of the threads that use it at once.

    A removal was red by chance for it: a thread got a ConditionalCheckFailedException that was not the one it caught.
    """
    new_classes = property(lambda self: ClientExceptionsFactory().create_client_exceptions(self._service_model))
    monkeypatch.setattr(BaseClient, "exceptions", new_classes)
    offer_id = service.offer().json["offer_id"]

    assert service.extend(offer_id).status == 201
    assert service.extend(offer_id).status == 200
    assert service.extend(offer_id, user="U-4").code == "owner_required"
    assert service.changes(("MemberChanged", member_changed())).json["results"] == [{"result": "stale"}]
    (extension,) = service.history().json["extensions"]
    assert service.expire_early(extension["id"]).json["expired"]
    assert not service.expire_early(extension["id"]).json["expired"]
    assert service.at(NOW + WEEK).expire()["revoked"] == 0
