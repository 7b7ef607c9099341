"""What whoever deploys has to be allowed, as an IAM policy: docs/deployer.json.

For each type of resource in the expanded template, with every option on, it has what the type's handlers ask for, as
CloudFormation publishes it with the type's schema. cfn-lint, which is locked, ships those schemas.
"""

import json
from importlib.resources import files
from typing import Any

from devkit.project import ROOT
from devkit.template import expanded_template

FILE = ROOT / "docs" / "deployer.json"

SERVICES = {"apigateway", "budgets", "cloudwatch", "codedeploy", "dynamodb", "events", "iam", "lambda", "logs"}
SERVICES |= {"scheduler", "secretsmanager", "sqs"}
"""Handlers also ask for what an option of a type needs that ours do not have: networks, file systems, keys of KMS."""

UNPUBLISHED = {
    # The access log of an API, and the end of a connection's secret: from documents and memory.
    *(f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")),
    *("logs:ListLogDeliveries", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy"),
    *("secretsmanager:DeleteSecret", "s3:GetObject", "iam:CreateServiceLinkedRole"),
}

FOREIGN = ("UserPolicy", "GroupPolicy", "ImportTable", "OnPremisesInstance", "Kinesis", "CodeSigning", "BearerToken")
"""Parts of actions that would give users and groups rights, or that nothing of ours uses."""


def actions() -> set[str]:
    """Every action that making, changing, reading and removing our types needs."""
    made = json.loads(expanded_template("GradualDeployment=true"))["Resources"].values()
    types = {resource["Type"] for resource in made}
    every = set(UNPUBLISHED)
    for file in (files("cfnlint") / "data" / "schemas" / "resources").iterdir():
        schema: dict[str, Any] = json.loads(file.read_text()) if file.name.endswith(".json") else {}
        if schema.get("typeName") in types:
            for handler in ("create", "read", "update", "delete"):
                every.update(schema["handlers"].get(handler, {}).get("permissions", ()))
    ours = {action for action in every if action.split(":")[0] in SERVICES} | UNPUBLISHED
    return {action for action in ours if not any(part in action for part in FOREIGN)}


def text() -> str:
    """Roles and policies only where they are the stack's: they are named after it."""
    iam = {action for action in actions() if action.startswith("iam:")} - {"iam:CreateServiceLinkedRole"}
    own = [f"arn:*:iam::*:{kind}/extending-subscription*" for kind in ("role", "policy")]
    statements = [
        {"Effect": "Allow", "Action": sorted(iam), "Resource": own},
        {"Effect": "Allow", "Action": sorted(actions() - iam), "Resource": "*"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=1) + "\n"
