"""Settings that hold something everywhere, at least one value of every section."""

from typing import Any

FULL: dict[str, Any] = {
    "coder": {"accessUrl": "https://coder.example.com", "apiUrl": "http://coder:7080"},
    "kubernetes": {"context": "dev"},
    "externalAuth": {
        "providers": [
            {"id": "gitlab", "host": "gitlab.example.com", "displayName": "GitLab"},
            {"id": "second", "host": "git.example.org:8443"},
        ]
    },
    "workspaces": {
        "agentEnv": {"LANG": "C.UTF-8"},
        "provisionerTags": {"zone": "gov"},
        "resources": {
            "cpu": {"options": [2, 4], "default": 2},
            "memory": {"options": [4, 8], "default": 8},
            "disk": {"options": [10, 50], "default": 10},
        },
        "boundary": {"path": "/opt/boundary/bin/boundary"},
        "claudeCode": {
            "module": 5,
            "program": {"url": "https://files.example.com/claude", "sha256": "0" * 64},
        },
        "claudePolicy": {
            "allow": ["Bash(ls:*)"],
            "deny": ["WebFetch"],
            "hooks": [{"event": "PreToolUse", "matcher": "Bash", "command": "/opt/audit"}],
        },
        "modules": {"codeServer": "1.3.1"},
        "providers": {"coder": "2.13.0"},
    },
    "templates": [
        {
            "name": "firewalled",
            "firewall": {"jail": "nsjail"},
            "capabilities": ["NET_ADMIN"],
            "access": {"use": ["engineering"], "admin": ["platform"]},
            "lifetime": {
                "defaultTtlHours": 8,
                "dormantAfterHours": 100,
                "deleteDormantAfterHours": 200,
                "stopDays": ["sunday"],
            },
            "gitlab": "second",
            "policy": {
                "groups": ["coder"],
                "rules": [{"rule": "domain=b.example.com", "why": "x"}],
                "mustAllow": [{"url": "https://b.example.com/", "reason": "x"}],
                "mustDeny": [{"url": "https://evil.example/", "reason": "x"}],
            },
        },
        {"name": "claude-code", "agentEnv": {"A": "1"}},
    ],
    "policy": {
        "rules": [{"rule": "domain=a.example.com", "why": "x"}],
        "mustAllow": [{"url": "https://a.example.com/", "reason": "x"}],
        "mustDeny": [{"url": "https://evil.example/", "reason": "x"}],
    },
    "firewall": {"state": "on"},
    "grafana": {
        "databaseRole": {"delivery": "job", "adminUrlSecret": "owner"},
        "lokiSelector": {"app": "coder"},
        "lokiTenant": "coder|audit",
        "prometheusUrl": "http://prometheus:9090",
    },
    "alerts": {"labels": {"team": "platform"}, "thresholds": {"denyShare": 0.5}},
    "mcpServers": [
        {"slug": "github", "displayName": "GitHub", "url": "https://a.example/", "tools": ["x"]},
        {
            "slug": "tracker",
            "displayName": "Tracker",
            "url": "https://b.example/readonly",
            "authType": "oauth2",
            "oauth2": {
                "clientId": "coder",
                "authUrl": "https://b.example/authorize",
                "tokenUrl": "https://b.example/token",
            },
        },
    ],
    "aiGateway": {
        "providers": [
            {"name": "claude", "type": "anthropic", "baseUrl": "https://api.anthropic.com"},
            {
                "name": "aws",
                "type": "bedrock",
                "baseUrl": "https://bedrock.example.com",
                "credential": "aws_keys",
                "bedrock": {"region": "r", "protocol": "mantle"},
            },
        ],
        "prices": [{"providerType": "anthropic", "model": "claude-x", "inputPrice": 3000000}],
    },
    "network": {
        "dns": {"addresses": ["169.254.20.10"]},
        "coderd": {"addresses": ["10.0.0.1"]},
        "clusterRanges": ["10.244.0.0/16"],
        "acceptedPolicies": [{"name": "a", "kind": "NetworkPolicy", "reason": "x"}],
        "allow": [{"to": "10.0.0.0/8", "ports": [22], "why": "x"}],
        "byName": True,
    },
    "workspaceNamespace": {
        "podSecurity": {"enforce": "privileged"},
        "quota": {"pods": 9},
        "limits": {},
    },
    "verify": {"grafanaUrl": "https://a.example/", "lokiTenant": "x", "owner": "dana"},
}
