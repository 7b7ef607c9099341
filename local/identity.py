"""A small local identity provider: signs access tokens, publishes its key and its discovery document."""

import time

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

AUDIENCE = "extending-subscription"
MACHINES = "extending-subscription-machines"
"""The audience of machines: no token has both."""

TOKEN_SECONDS = 3600


class Identity:
    """Signs with a key of its own that lives as long as the process."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._key = RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS256"}, auto_kid=True)

    def token(self, subject: str, seconds: int = TOKEN_SECONDS, scope: str = "") -> str:
        """An access token for a user or, with scopes, for a machine, as any OpenID provider signs it (RS256)."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": subject, "iat": now, "nbf": now, "exp": now + seconds}
        if scope:
            claims |= {"aud": MACHINES, "client_id": subject, "scope": scope}
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def jwks(self) -> dict[str, object]:
        return dict(KeySet([self._key]).as_dict(private=False))

    def discovery(self) -> dict[str, object]:
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
            "token_endpoint": f"{self.issuer}/token",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }
