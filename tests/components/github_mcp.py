"""GitHub's own MCP server, as the stacks register it."""

from typing import Final

GITHUB_URL: Final = "https://api.githubcopilot.com/mcp/readonly"
"""GitHub's own server, with no tool that writes."""
# github/github-mcp-server, November 2026: an issue is read by issue_read, a pull request likewise.
GITHUB_READ_ONLY_TOOLS: Final = (
    "get_me",
    "search_repositories",
    "get_file_contents",
    "search_code",
    "issue_read",
    "list_issues",
    "pull_request_read",
    "list_pull_requests",
    "list_commits",
)
