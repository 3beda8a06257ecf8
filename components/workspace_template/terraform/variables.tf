# Every value comes from the stack, as a template variable of the version, and no default stands
# here: one that may be empty is not needed by every template.

variable "use_kubeconfig" {
  type        = bool
  description = "Use the provisioner's ~/.kube/config. Leave false if the provisioner runs in the cluster of the workspaces."
}

variable "namespace" {
  type        = string
  description = "The Kubernetes namespace of the workspaces. It must exist."
}

variable "workspace_image" {
  type        = string
  description = "The container image of a workspace."
}

variable "gitlab_external_auth_id" {
  type        = string
  description = "The id of GitLab among coderd's external authentication providers."
}

variable "firewall" {
  type        = bool
  description = "Run Claude Code inside Coder Boundary."
}

variable "jail_type" {
  type        = string
  description = "How Boundary confines a process: landjail (Landlock, no capability) or nsjail (network namespace, NET_ADMIN); empty without the firewall."
  default     = ""

  validation {
    condition     = contains(["", "landjail", "nsjail"], var.jail_type)
    error_message = "jail_type must be landjail, nsjail, or empty without the firewall."
  }
}

variable "no_user_namespace" {
  type        = bool
  description = "nsjail makes no user namespace, for nodes that allow none; the container gets SYS_ADMIN."
}

variable "seccomp_unconfined" {
  type        = bool
  description = "The container has no seccomp profile, as nsjail needs on Bottlerocket."
}

variable "git_credentials" {
  type        = bool
  description = "The agent's key may ask Coder for the owner's GitLab token and private ssh key."
}

variable "boundary_version" {
  type        = string
  description = "The release of the standalone boundary binary; latest is whatever is newest at a start; empty without the firewall."
  default     = ""
}

variable "boundary_path" {
  type        = string
  description = "Absolute path of a Boundary in the image; empty for one from elsewhere."
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9:/?&=.,_~%+@-]*$", var.boundary_path))
    error_message = "boundary_path must hold nothing that a shell reads otherwise."
  }
}

variable "boundary_url" {
  type        = string
  description = "Address of a Boundary, or of a .tar.gz that holds one; empty for one from elsewhere."
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9:/?&=.,_~%+@-]*$", var.boundary_url))
    error_message = "boundary_url must hold nothing that a shell reads otherwise."
  }
}

variable "boundary_sha256" {
  type        = string
  description = "SHA-256 of the file at boundary_url."
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9:/?&=.,_~%+@-]*$", var.boundary_sha256))
    error_message = "boundary_sha256 must hold nothing that a shell reads otherwise."
  }
}

variable "claude_path" {
  type        = string
  description = "Absolute path of a Claude Code in the image; empty for one from elsewhere."
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9:/?&=.,_~%+@-]*$", var.claude_path))
    error_message = "claude_path must hold nothing that a shell reads otherwise."
  }
}

variable "claude_url" {
  type        = string
  description = "Address of a Claude Code, or of a .tar.gz that holds one; empty for its installer's."
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9:/?&=.,_~%+@-]*$", var.claude_url))
    error_message = "claude_url must hold nothing that a shell reads otherwise."
  }
}

variable "claude_sha256" {
  type        = string
  description = "SHA-256 of the file at claude_url."
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9:/?&=.,_~%+@-]*$", var.claude_sha256))
    error_message = "claude_sha256 must hold nothing that a shell reads otherwise."
  }
}
