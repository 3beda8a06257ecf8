# The interface of registry.coder.com/coder/claude-code/coder 5.4: its variables with their types,
# defaults and rules, so that a plan refuses what the module does not take.

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

variable "icon" {
  type    = string
  default = "/icon/claude.svg"
}

variable "workdir" {
  type    = string
  default = null
}

variable "pre_install_script" {
  type    = string
  default = null
}

variable "post_install_script" {
  type    = string
  default = null
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

variable "anthropic_api_key" {
  type    = string
  default = ""
}

variable "model" {
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

variable "claude_code_oauth_token" {
  type    = string
  default = ""
}

variable "managed_settings" {
  type    = any
  default = null
}

variable "anthropic_base_url" {
  type    = string
  default = ""
}

variable "use_bedrock" {
  type    = bool
  default = false
}

variable "use_vertex" {
  type    = bool
  default = false
}

variable "telemetry" {
  type    = any
  default = {}
}

variable "api_key_helper" {
  type    = any
  default = null
}

variable "claude_binary_path" {
  type    = string
  default = "$HOME/.local/bin"

  validation {
    condition     = var.claude_binary_path == "$HOME/.local/bin" || !var.install_claude_code
    error_message = "Another claude_binary_path needs install_claude_code to be false."
  }
}

variable "enable_ai_gateway" {
  type    = bool
  default = false

  validation {
    condition     = !(var.enable_ai_gateway && var.anthropic_api_key != "")
    error_message = "The AI Gateway has a credential of its own."
  }
}

# The variables of the agent are all that is made here of what the module makes.
data "coder_workspace" "me" {}

data "coder_workspace_owner" "me" {}

resource "coder_env" "anthropic_auth_token" {
  count    = var.enable_ai_gateway ? 1 : 0
  agent_id = var.agent_id
  name     = "ANTHROPIC_AUTH_TOKEN"
  value    = data.coder_workspace_owner.me.session_token
}

resource "coder_env" "anthropic_base_url" {
  count    = var.enable_ai_gateway ? 1 : 0
  agent_id = var.agent_id
  name     = "ANTHROPIC_BASE_URL"
  value    = "${data.coder_workspace.me.access_url}/api/v2/aibridge/anthropic"
}

resource "coder_env" "disable_autoupdater" {
  count    = var.disable_autoupdater ? 1 : 0
  agent_id = var.agent_id
  name     = "DISABLE_AUTOUPDATER"
  value    = "1"
}

output "scripts" {
  value = []
}

# For the tests alone: what the template passed.
output "inputs" {
  value = {
    workdir             = var.workdir
    enable_ai_gateway   = var.enable_ai_gateway
    pre_install_script  = var.pre_install_script
    install_claude_code = var.install_claude_code
    claude_binary_path  = var.claude_binary_path
    disable_autoupdater = var.disable_autoupdater
    managed_settings    = var.managed_settings
  }
}

# The bytes of managed-settings.d/10-coder.json: the module's script echoes what its HCL encodes.
output "managed_file" {
  value = var.managed_settings != null ? "${jsonencode(var.managed_settings)}\n" : null
}
