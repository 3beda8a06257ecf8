# What the owner of a workspace chooses. The choices are the stack's: sizes.json.

locals {
  sizes = jsondecode(file("${path.module}/sizes.json"))
}

data "coder_parameter" "cpu" {
  name         = "cpu"
  display_name = "CPU"
  description  = "The CPU limit of the workspace."
  type         = "number"
  default      = local.sizes.cpu.default
  icon         = "/icon/memory.svg"
  mutable      = true
  order        = 1

  dynamic "option" {
    for_each = local.sizes.cpu.options
    content {
      name  = "${option.value} cores"
      value = option.value
    }
  }
}

data "coder_parameter" "memory" {
  name         = "memory"
  display_name = "Memory"
  description  = "The memory limit of the workspace in GB."
  type         = "number"
  default      = local.sizes.memory.default
  icon         = "/icon/memory.svg"
  mutable      = true
  order        = 2

  dynamic "option" {
    for_each = local.sizes.memory.options
    content {
      name  = "${option.value} GB"
      value = option.value
    }
  }
}

data "coder_parameter" "disk_size" {
  name         = "disk_size"
  display_name = "Home disk"
  description  = "The size of the home volume in GB. It cannot be changed later."
  type         = "number"
  default      = local.sizes.disk_size.default
  icon         = "/icon/folder.svg"
  # A volume claim cannot shrink, and not every storage class lets it grow.
  mutable = false
  order   = 3

  dynamic "option" {
    for_each = local.sizes.disk_size.options
    content {
      name  = "${option.value} GB"
      value = option.value
    }
  }
}

data "coder_parameter" "ai_prompt" {
  name         = "ai_prompt"
  display_name = "Prompt"
  description  = "What Claude Code starts with. A Task's own prompt goes first."
  type         = "string"
  default      = ""
  icon         = "/icon/claude.svg"
  mutable      = true
  order        = 4
}
