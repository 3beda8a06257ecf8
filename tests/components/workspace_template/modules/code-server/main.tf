# The interface of registry.coder.com/coder/code-server/coder 1.3.

variable "agent_id" {
  type = string
}

variable "extensions" {
  type    = list(string)
  default = []
}

variable "port" {
  type    = number
  default = 13337
}

variable "display_name" {
  type    = string
  default = "code-server"
}

variable "slug" {
  type    = string
  default = "code-server"
}

variable "settings" {
  type    = any
  default = {}
}

variable "machine-settings" {
  type    = any
  default = {}
}

variable "folder" {
  type    = string
  default = ""
}

variable "install_prefix" {
  type    = string
  default = "/tmp/code-server"
}

variable "log_path" {
  type    = string
  default = "/tmp/code-server.log"
}

variable "install_version" {
  type    = string
  default = ""
}

variable "share" {
  type    = string
  default = "owner"
}

variable "order" {
  type    = number
  default = null
}

variable "group" {
  type    = string
  default = null
}

variable "offline" {
  type    = bool
  default = false
}

variable "use_cached" {
  type    = bool
  default = false
}

variable "use_cached_extensions" {
  type    = bool
  default = false
}

variable "extensions_dir" {
  type    = string
  default = ""
}

variable "auto_install_extensions" {
  type    = bool
  default = false
}

variable "subdomain" {
  type    = bool
  default = false
}

variable "open_in" {
  type    = string
  default = "slim-window"
}

# For the tests alone: what the template passed.
output "inputs" {
  value = {
    folder    = var.folder
    order     = var.order
    subdomain = var.subdomain
  }
}
