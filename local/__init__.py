"""The local cloud behind `make run`; nothing that is deployed knows of it."""

STACK = "extending-subscription-local"
