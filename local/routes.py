"""The one gap of the local cloud: it does not import the routes that SAM writes into an HTTP API's `Body`."""

import re
from collections.abc import Mapping
from typing import Any

import boto3

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


def serve_api(session: boto3.Session, endpoint: str, stack: str, api_id: str, parameters: Mapping[str, str]) -> None:
    """Make authorizers, integrations and routes of an API as its `Body` in the deployed template has them."""
    formation: Any = session.client("cloudformation", endpoint_url=endpoint)
    gateway: Any = session.client("apigatewayv2", endpoint_url=endpoint)
    template = formation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    resources = formation.describe_stack_resources(StackName=stack)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    body = template["Resources"]["Api"]["Properties"]["Body"]

    def value(of: Any) -> Any:
        return parameters[of["Ref"]] if isinstance(of, Mapping) else of

    authorizers = {}
    for name, scheme in body["components"]["securitySchemes"].items():
        authorizer = scheme["x-amazon-apigateway-authorizer"]
        configuration = authorizer["jwtConfiguration"]
        authorizers[name] = gateway.create_authorizer(
            ApiId=api_id,
            Name=name,
            AuthorizerType="JWT",
            IdentitySource=[authorizer["identitySource"]],
            JwtConfiguration={
                "Issuer": value(configuration["issuer"]),
                "Audience": [value(audience) for audience in configuration["audience"]],
            },
        )["AuthorizerId"]
    for path, operations in body["paths"].items():
        for method in METHODS & set(operations):
            operation = operations[method]
            integration = operation["x-amazon-apigateway-integration"]
            alias = re.search(r"functions/\$\{(\w+)\}/", integration["uri"]["Fn::Sub"])
            assert alias, integration["uri"]
            integration_id = gateway.create_integration(
                ApiId=api_id,
                IntegrationType="AWS_PROXY",
                IntegrationUri=physical[alias[1]],
                PayloadFormatVersion=integration["payloadFormatVersion"],
            )["IntegrationId"]
            (scheme,) = operation["security"]
            gateway.create_route(
                ApiId=api_id,
                RouteKey=f"{method.upper()} {path}",
                AuthorizationType="JWT",
                AuthorizerId=authorizers[next(iter(scheme))],
                Target=f"integrations/{integration_id}",
            )
