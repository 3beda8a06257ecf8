import pytest

from components.boundary import shown


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a.com/b/c", "https://a.com/b/c"),
        ("a.com:8443/@scope/name:tag", "a.com:8443/@scope/name:tag"),
        ("https://[::1]:8443/", "https://[::1]:8443/"),
        ("https://u:p@a.com/", "https://[hidden]@a.com/"),
        ("https://u@v:p@a.com/", "https://[hidden]@a.com/"),
        ("u:p@a.com/", "[hidden]@a.com/"),
        ("https://u:p/q@a.com/", "https://[hidden]@a.com/"),
        ("https://u:p/q", "https://u:[hidden]/q"),
        ("https:/u:p@a.com/", "https:/[hidden]/"),
        ("https://a.com/?x=1#y", "https://a.com/?[hidden]"),
        ("https://a.com/#x?y", "https://a.com/#[hidden]"),
        ("https://a.com/?", "https://a.com/?"),
        ("https://a.com/bot1234567:" + "A" * 35 + "/send", "https://a.com/[hidden]/send"),
        ("https://a.com/eyJhbGciOiJI.eyJzdWIi.c2ln", "https://a.com/[hidden]"),
        (
            "https://hooks.slack.com/services/T0/B0/abc",
            "https://hooks.slack.com/services/[hidden]/[hidden]/[hidden]",
        ),
        (
            "https://Hooks.Slack.com.:443//services/T0",
            "https://Hooks.Slack.com.:443//services/[hidden]",
        ),
        ("https://slack.com/services/T0/B0", "https://slack.com/services/T0/B0"),
        (
            "https://ptb.discord.com/api/v10/webhooks/1/abc/slack?wait=1",
            "https://ptb.discord.com/api/v10/webhooks/[hidden]/[hidden]/[hidden]?[hidden]",
        ),
        ("https://discord.com/api/v10/users/1", "https://discord.com/api/v10/users/1"),
        (
            "https://a.webhook.office.com/webhookb2/b@c/IncomingWebhook/d/e",
            "https://a.webhook.office.com/webhookb2/[hidden]/[hidden]/[hidden]/[hidden]",
        ),
        (
            "https://hooks.zapier.com/hooks/catch/1/abc",
            "https://hooks.zapier.com/hooks/catch/[hidden]/[hidden]",
        ),
        ("https://a.com/\x1b[2J\u202e\n", "https://a.com/\\x1b[2J\\u202e\\n"),
        ("", ""),
    ],
)
def test_what_is_shown(url: str, text: str) -> None:
    assert shown(url) == text
