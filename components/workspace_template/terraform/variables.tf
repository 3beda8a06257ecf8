# Every value comes from the stack, as a template variable of the version. The defaults are those
# of `coder templates push` by hand.

variable "use_kubeconfig" {
  type        = bool
  description = "Use the provisioner's ~/.kube/config. Leave false if the provisioner runs in the cluster of the workspaces."
  default     = false
}

variable "namespace" {
  type        = string
  description = "The Kubernetes namespace of the workspaces. It must exist."
  default     = "coder-workspaces"
}

variable "workspace_image" {
  type        = string
  description = "The container image of a workspace."
  default     = "codercom/enterprise-base:ubuntu-noble-20260601"
}

variable "gitlab_external_auth_id" {
  type        = string
  description = "The id of GitLab among coderd's external authentication providers."
  default     = "gitlab"
}

variable "firewall" {
  type        = bool
  description = "Run Claude Code inside Coder Boundary."
  default     = true
}

variable "jail_type" {
  type        = string
  description = "How Boundary confines a process: landjail (Landlock, no capability) or nsjail (network namespace, NET_ADMIN)."
  default     = "landjail"

  validation {
    condition     = contains(["landjail", "nsjail"], var.jail_type)
    error_message = "jail_type must be landjail or nsjail."
  }
}

variable "no_user_namespace" {
  type        = bool
  description = "nsjail makes no user namespace, for nodes that allow none; the container gets SYS_ADMIN."
  default     = false
}

variable "seccomp_unconfined" {
  type        = bool
  description = "The container has no seccomp profile, as nsjail needs on Bottlerocket."
  default     = false
}

variable "git_credentials" {
  type        = bool
  description = "The agent's key may ask Coder for the owner's GitLab token and private ssh key."
  default     = true
}

variable "boundary_version" {
  type        = string
  description = "The release of the standalone boundary binary; latest is whatever is newest at a start."
  default     = "v0.9.0"
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
