"""Routes and CORS of an HTTP API, which SAM writes into its `Body` and the local cloud leaves out."""

import re
from collections.abc import Mapping
from typing import Any

import boto3

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


def serve_api(session: boto3.Session, endpoint: str, stack: str, api_id: str, parameters: Mapping[str, str]) -> None:
    """Make authorizers, integrations and routes of an API as its `Body` in the deployed template has them."""
    gateway: Any = session.client("apigatewayv2", endpoint_url=endpoint)
    formation: Any = session.client("cloudformation", endpoint_url=endpoint)
    resources = formation.describe_stack_resources(StackName=stack)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    body = api_body(session, endpoint, stack)

    def resolved(value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return parameters[name]
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{(\w+)\}", lambda found: parameters.get(found[1], ""), text)
        return value

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
                "Issuer": resolved(configuration["issuer"]),
                "Audience": str(resolved(configuration["audience"])).split(","),
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
            ((authorizer_name, scopes),) = scheme.items()
            gateway.create_route(
                ApiId=api_id,
                RouteKey=f"{method.upper()} {path}",
                AuthorizationType="JWT",
                AuthorizerId=authorizers[authorizer_name],
                AuthorizationScopes=[resolved(scope) for scope in scopes],
                Target=f"integrations/{integration_id}",
            )


def serve_cors(session: boto3.Session, endpoint: str, stack: str, api_id: str, origins: list[str]) -> None:
    """Let pages of these origins call an API; for the rest as its `Body` has it.

    The origins in the `Body` are the parameter's default: the transform of the local cloud does not know its value.
    """
    cors = api_body(session, endpoint, stack)["x-amazon-apigateway-cors"]
    configuration = {f"{name[0].upper()}{name[1:]}": value for name, value in cors.items()}
    gateway: Any = session.client("apigatewayv2", endpoint_url=endpoint)
    gateway.update_api(ApiId=api_id, CorsConfiguration=configuration | {"AllowOrigins": origins})


def api_body(session: boto3.Session, endpoint: str, stack: str) -> dict[str, Any]:
    """The description that SAM has made of the API and of the routes of its functions."""
    formation: Any = session.client("cloudformation", endpoint_url=endpoint)
    template = formation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    return dict(template["Resources"]["Api"]["Properties"]["Body"])
