"""What the AI Gateway needs of Coder's release and licence, told before anything is declared."""

import pytest

from components.coder.entitlements import AI_GATEWAY, Entitlements
from components.settings.load import load

VALUES = {
    "coder": {"accessUrl": "https://coder.example.com", "variables": "none"},
    "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
    "templates": [{"name": "a", "firewall": {}}],
    "aiGateway": {
        "providers": [
            {
                "name": "aws",
                "type": "bedrock",
                "baseUrl": "https://b.example",
                "bedrock": {"region": "r", "roleArn": "arn:x", "protocol": "mantle"},
            }
        ],
        "prices": [{"providerType": "bedrock", "model": "m", "inputPrice": 1}],
    },
    "secrets": {"coderToken": "t"},
}
NEEDS = {
    'aiGateway.providers[0] = "aws"': "2.34.0",
    'aiGateway.providers[0].bedrock.roleArn = "arn:x"': "2.35.0",
    'aiGateway.providers[0].bedrock.protocol = "mantle"': "2.36.0",
    'aiGateway.prices[0] = "bedrock/m"': "2.37.0",
}


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("v2.33.9", 4),
        ("v2.34.0", 3),
        ("v2.35.0", 2),
        ("v2.36.1", 1),
        ("v2.37.0", 0),
        ("v0.0.0-devel+a", 0),
    ],
)
def test_what_a_release_lacks(version: str, told: int) -> None:
    found = Entitlements(version, frozenset({AI_GATEWAY})).problems(load("gov", VALUES))
    assert list(map(str, found)) == [
        f"{key}: needs Coder {first} or newer; https://coder.example.com runs {version}"
        for key, first in list(NEEDS.items())[len(NEEDS) - told :]
    ]


def test_prices_need_a_licence_and_providers_none() -> None:
    (problem,) = map(str, Entitlements("v2.37.0", frozenset()).problems(load("gov", VALUES)))
    assert problem.startswith(
        'aiGateway.prices = "bedrock/m": needs a Coder licence with the AI Gateway (feature aibrid'
    )
