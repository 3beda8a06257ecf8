# Claude Code by module 5 of Coder's registry, which installs it and starts nothing: no Boundary, no
# chat, no Tasks. The template's own `claude` puts it in its jail, whoever starts it.

locals {
  module_brings_boundary = false

  # With a firewall tmux is started by the template's own, inside of the jail: what its socket is asked
  # to start is jailed then, whoever asks.
  claude_command = var.firewall ? "claude-terminal" : "claude"

  # The module puts this folder first on its script's PATH, outside of the jail. Where it installs
  # Claude Code itself it takes no other.
  claude_folder = (
    local.own_claude == "" ? "$HOME/.local/bin" : var.firewall ? "/usr/bin" : dirname(local.own_claude)
  )

  # What an owner's shell, whichever it is, makes of the app; a session that is there is joined.
  claude_app = join("; ", [
    "n=${local.claude_command}",
    "p=\"$(echo ${base64encode(local.prompt)} | base64 -d)\"",
    "set -- \"$(command -v $n)\"",
    "if [ -z \"$1\" ]; then echo Claude Code is not installed yet; exec sleep 5; fi",
    "if [ -n \"$p\" ]; then set -- \"$1\" -- \"$p\"; fi",
    "cd",
    "if [ $n = claude ] && command -v tmux > /dev/null; then exec tmux new-session -A -s claude-code \"$@\"; fi",
    "exec \"$@\"",
  ])
}

module "claude_code" {
  source  = "registry.coder.com/coder/claude-code/coder"
  version = "5.4.0"

  agent_id = coder_agent.main.id
  workdir  = local.home

  # Sets ANTHROPIC_BASE_URL to Coder's AI Gateway and ANTHROPIC_AUTH_TOKEN to the owner's session
  # token, the only credential of Claude Code: no provider key enters a workspace.
  enable_ai_gateway = true

  # A program of the stack's own stays the one that it is.
  install_claude_code = local.own_claude == ""
  claude_binary_path  = local.claude_folder
  disable_autoupdater = local.own_claude != ""

  pre_install_script = local.policy_script
  # Written by that script already, before anybody logs in; the module writes the same bytes again.
  managed_settings = local.managed_settings
}

resource "coder_app" "claude_code" {
  agent_id     = coder_agent.main.id
  slug         = "claude-code"
  display_name = "Claude Code"
  icon         = "/icon/claude.svg"
  command      = "sh -c '${local.claude_app}'"
}
