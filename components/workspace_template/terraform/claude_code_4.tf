# Claude Code by module 4 of Coder's registry: a chat on the dashboard, Tasks where Coder has them.
# claude_code_5.tf takes this file's place where the stack has module 5.

locals {
  # It fetches Boundary from GitHub by itself, and starts Claude Code in it.
  module_brings_boundary = local.boundary_source == ""
  # Without that, the `claude` that it starts is the template's own.
  claude_folder = (
    var.firewall && !local.module_brings_boundary
    ? "$HOME/.local/share/firewalled-coder/jailed"
    : local.own_claude != "" ? dirname(local.own_claude) : "$HOME/.local/bin"
  )
}

module "claude_code" {
  source  = "registry.coder.com/coder/claude-code/coder"
  version = "4.7.3"

  agent_id  = coder_agent.main.id
  workdir   = local.home
  ai_prompt = local.prompt
  subdomain = true

  # Sets ANTHROPIC_BASE_URL to Coder's AI Gateway and CLAUDE_API_KEY to the owner's session token, the
  # only credential of Claude Code: no provider key enters a workspace.
  enable_aibridge = true
  report_tasks    = local.report_tasks

  # A program of the stack's own stays the one that it is.
  install_claude_code = local.own_claude == ""
  claude_binary_path  = local.claude_folder
  disable_autoupdater = local.own_claude != ""

  enable_boundary = var.firewall && local.module_brings_boundary
  # `coder boundary` checks the licence with a user's session, which an agent has not. The
  # standalone binary needs none.
  use_boundary_directly = var.firewall && local.module_brings_boundary
  boundary_version      = var.boundary_version
  pre_install_script    = local.policy_script
}
