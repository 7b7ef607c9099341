"""The metrics that the functions emit, by name; nothing of the environment is needed to read them."""

from enum import StrEnum

NAMESPACE = "ExtendingSubscription"


class Metric(StrEnum):
    """Every metric that the functions emit."""

    GRANTED = "ExtensionsGranted"
    REPLAYED = "ExtensionsReplayed"
    REFUSED = "ExtensionsRefused"
    REVOKED = "ExtensionsRevoked"
    EXPIRED_EARLY = "ExtensionsExpiredEarly"
    REMINDED = "RemindersSent"
    FAILED = "SweepFailures"
    LAG = "RevocationLag"
    ANSWERS_FAILED = "AnswersFailed"
    TRY_AGAIN = "AnswersTryAgain"
    BATCH_TRY_AGAIN = "BatchesTryAgain"
    PUBLISHED = "EventsPublished"
    SET_ASIDE = "MessagesSetAside"
    STORED = "ChangesStored"
    STALE = "ChangesStale"
    TIED = "ChangesTied"
