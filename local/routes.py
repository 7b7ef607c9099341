"""Routes and CORS of an HTTP API, which SAM writes into its `Body` and the local cloud leaves out."""

from collections.abc import Mapping

from devkit.stage import Stack
from devkit.template import routes, template


def serve_api(stack: Stack, api_id: str, parameters: Mapping[str, str]) -> None:
    """Make authorizers, integrations and routes of an API as the template has them."""
    gateway, authorizers = stack.client("apigatewayv2"), {}
    for name, authorizer in template()["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"].items():
        issuer, audience = (parameters[authorizer["JwtConfiguration"][each]["Ref"]] for each in ("issuer", "audience"))
        authorizers[name] = gateway.create_authorizer(
            ApiId=api_id,
            Name=name,
            AuthorizerType="JWT",
            IdentitySource=[authorizer["IdentitySource"]],
            JwtConfiguration={"Issuer": issuer, "Audience": audience.split(",")},
        )["AuthorizerId"]
    for route in routes():
        integration = gateway.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=stack.resource(f"{route.function}Aliaslive"),
            PayloadFormatVersion="2.0",
        )
        gateway.create_route(
            ApiId=api_id,
            RouteKey=f"{route.method} {route.path}",
            AuthorizationType="JWT",
            AuthorizerId=authorizers[route.authorizer],
            AuthorizationScopes=[route.scope] if route.scope else [],
            Target=f"integrations/{integration['IntegrationId']}",
        )


def serve_cors(stack: Stack, api_id: str, origins: list[str]) -> None:
    """Let pages of these origins call an API; for the rest as the template has it."""
    configuration = template()["Resources"]["Api"]["Properties"]["CorsConfiguration"]
    stack.client("apigatewayv2").update_api(ApiId=api_id, CorsConfiguration=configuration | {"AllowOrigins": origins})
