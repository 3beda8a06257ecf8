# The policies, Boundary's and Claude Code's own: nothing here but values, so that it can be evaluated without a provider.

locals {
  # The `claude` that comes first on PATH; it starts nothing under another policy than this one.
  claude_in_jail = var.firewall ? replace(
    replace(
      file("${path.module}/claude_in_jail.sh"),
      "@POLICY_SHA256@",
      filesha256("${path.module}/boundary.yaml"),
    ),
    "@SETTINGS_SHA256@",
    local.managed ? sha256(local.managed_file) : "",
  ) : ""

  # What is not its makers': empty for that.
  boundary_source = "${var.boundary_path}${var.boundary_url}"
  own_claude = (
    var.claude_url != "" ? "$HOME/.local/share/firewalled-coder/programs/claude" : var.claude_path
  )

  # Where no module does that.
  installs        = fileexists("${path.module}/install_programs.sh")
  brings_boundary = var.firewall && !local.module_brings_boundary
  install_scripts = local.installs ? [join("\n", concat(
    [for name, value in {
      boundary_release = local.brings_boundary && local.boundary_source == "" ? var.boundary_version : ""
      boundary_path    = local.brings_boundary ? var.boundary_path : ""
      boundary_url     = local.brings_boundary ? var.boundary_url : ""
      boundary_sha256  = local.brings_boundary ? var.boundary_sha256 : ""
      claude_url       = var.claude_url
      claude_sha256    = var.claude_sha256
    } : "${name}='${value}'"],
    [file("${path.module}/install_programs.sh")],
  ))] : []

  # Base64 carries a file through the shell byte for byte, whatever it contains.
  jail_scripts = var.firewall ? [
    replace(replace(replace(
      file("${path.module}/put_claude_in_jail.sh"),
      "@WRAPPER_BASE64@", base64encode(local.claude_in_jail)),
      "@RECORD_NAME@", local.brings_boundary ? ".boundary" : ""),
      "@OWN_CLAUDE@", local.own_claude,
    ),
  ] : []
  boundary_scripts = var.firewall ? [
    replace(
      file("${path.module}/write_boundary_config.sh"),
      "@CONFIG_BASE64@",
      filebase64("${path.module}/boundary.yaml"),
    ),
  ] : []

  # Claude Code's own policy, where the stack has one. The file's bytes are those that module 5 makes
  # of its input, so that both may write it.
  managed          = fileexists("${path.module}/managed-settings.json")
  managed_settings = local.managed ? jsondecode(file("${path.module}/managed-settings.json")) : null
  managed_file     = "${jsonencode(local.managed_settings)}\n"
  managed_scripts = local.managed ? [
    replace(
      file("${path.module}/write_managed_settings.sh"),
      "@SETTINGS_BASE64@",
      base64encode(local.managed_file),
    ),
  ] : []

  # Runs before Claude Code is installed, so that no agent process starts without its policies. The
  # `claude` that starts nothing without a Boundary and a policy is there first.
  policy_scripts = concat(
    local.jail_scripts, local.install_scripts, local.boundary_scripts, local.managed_scripts,
  )
  # The first line makes it bash, whatever the user's shell is, and one that reads no BASH_ENV.
  policy_script = (
    length(local.policy_scripts) > 0
    ? join("\n", concat(["#!/bin/bash -p"], local.policy_scripts))
    : null
  )

  # What the agent tells coderd of who is in the jail; alerts read it from coderd's database. The
  # first line makes it sh, whatever the user's shell is.
  jail_watch = var.firewall ? [join("\n", [
    "#!/bin/sh",
    file("${path.module}/root_path.sh"),
    file("${path.module}/jail_state.sh"),
    file("${path.module}/jail_audit.sh"),
    replace(
      file("${path.module}/jail_watch.sh"),
      "@POLICY_SHA256@",
      filesha256("${path.module}/boundary.yaml"),
    ),
  ])] : []

  # What the agent tells of the workspace itself. `coder` is found by a PATH that a jailed agent may
  # write to, so with a firewall it is not asked.
  stats = {
    for name, value in {
      cpu  = { coder = "cpu", own = "stat_cpu" }
      mem  = { coder = "mem", own = "stat_mem" }
      disk = { coder = "disk --path ${local.home}", own = "stat_disk ${local.home}" }
      } : name => var.firewall ? join("\n", [
        "#!/bin/sh",
        file("${path.module}/root_path.sh"),
        file("${path.module}/workspace_stat.sh"),
        value.own,
    ]) : "coder stat ${value.coder}"
  }

  # nsjail makes a network namespace of its own; Landlock needs no capability. Without a user
  # namespace around it the kernel asks for SYS_ADMIN.
  nsjail       = var.firewall && var.jail_type == "nsjail"
  capabilities = local.nsjail ? concat(["NET_ADMIN"], var.no_user_namespace ? ["SYS_ADMIN"] : []) : []
  # Bottlerocket's profile forbids what nsjail does.
  seccomp = local.nsjail && var.seccomp_unconfined ? ["Unconfined"] : []
}
