# The interface of registry.coder.com/coder/claude-code/coder 4.7 to 4.9: its variables with their types and
# defaults, so that a plan refuses an input which the module does not take.

terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

variable "agent_id" {
  type = string
}

variable "workdir" {
  type = string
}

variable "order" {
  type    = number
  default = null
}

variable "group" {
  type    = string
  default = null
}

variable "icon" {
  type    = string
  default = "/icon/claude.svg"
}

variable "report_tasks" {
  type    = bool
  default = true
}

variable "web_app" {
  type    = bool
  default = true
}

variable "cli_app" {
  type    = bool
  default = false
}

variable "web_app_display_name" {
  type    = string
  default = "Claude Code"
}

variable "cli_app_display_name" {
  type    = string
  default = "Claude Code CLI"
}

variable "pre_install_script" {
  type    = string
  default = null
}

variable "post_install_script" {
  type    = string
  default = null
}

variable "install_agentapi" {
  type    = bool
  default = true
}

variable "agentapi_version" {
  type    = string
  default = "v0.11.8"
}

variable "ai_prompt" {
  type    = string
  default = ""
}

variable "subdomain" {
  type    = bool
  default = false
}

variable "install_claude_code" {
  type    = bool
  default = true
}

variable "claude_code_version" {
  type    = string
  default = "latest"
}

variable "disable_autoupdater" {
  type    = bool
  default = false
}

variable "claude_api_key" {
  type    = string
  default = ""
}

variable "model" {
  type    = string
  default = ""
}

variable "resume_session_id" {
  type    = string
  default = ""
}

variable "continue" {
  type    = bool
  default = true
}

variable "dangerously_skip_permissions" {
  type    = bool
  default = false
}

variable "permission_mode" {
  type    = string
  default = ""
}

variable "mcp" {
  type    = string
  default = ""
}

variable "mcp_config_remote_path" {
  type    = list(string)
  default = []
}

variable "allowed_tools" {
  type    = string
  default = ""
}

variable "disallowed_tools" {
  type    = string
  default = ""
}

variable "claude_code_oauth_token" {
  type    = string
  default = ""
}

variable "system_prompt" {
  type    = string
  default = ""
}

variable "claude_md_path" {
  type    = string
  default = "$HOME/.claude/CLAUDE.md"
}

variable "claude_binary_path" {
  type    = string
  default = "$HOME/.local/bin"

  validation {
    condition     = var.claude_binary_path == "$HOME/.local/bin" || !var.install_claude_code
    error_message = "Another claude_binary_path needs install_claude_code to be false."
  }
}

variable "install_via_npm" {
  type    = bool
  default = false
}

variable "enable_boundary" {
  type    = bool
  default = false
}

variable "boundary_version" {
  type    = string
  default = "latest"
}

variable "compile_boundary_from_source" {
  type    = bool
  default = false
}

variable "use_boundary_directly" {
  type    = bool
  default = false
}

variable "enable_aibridge" {
  type    = bool
  default = false
}

variable "enable_state_persistence" {
  type    = bool
  default = true
}

# The credential is all that is made here of what the module makes.
data "coder_workspace_owner" "me" {}

resource "coder_env" "claude_api_key" {
  count    = var.enable_aibridge || var.claude_api_key != "" ? 1 : 0
  agent_id = var.agent_id
  name     = "CLAUDE_API_KEY"
  value    = var.enable_aibridge ? data.coder_workspace_owner.me.session_token : var.claude_api_key
}

output "task_app_id" {
  value = "00000000-0000-4000-8000-00000000000a"
}

# For the tests alone: what the template passed.
output "inputs" {
  value = {
    workdir               = var.workdir
    report_tasks          = var.report_tasks
    pre_install_script    = var.pre_install_script
    ai_prompt             = var.ai_prompt
    subdomain             = var.subdomain
    enable_boundary       = var.enable_boundary
    boundary_version      = var.boundary_version
    use_boundary_directly = var.use_boundary_directly
    enable_aibridge       = var.enable_aibridge
    install_claude_code   = var.install_claude_code
    claude_binary_path    = var.claude_binary_path
    disable_autoupdater   = var.disable_autoupdater
  }
}
