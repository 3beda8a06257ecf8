# The firewall: nothing here but values, so that it can be evaluated without a provider.

locals {
  # Runs before Claude Code is installed, so that no agent process starts without its policy.
  # Base64 carries the file through the shell byte for byte, whatever a rule contains.
  boundary_script = var.firewall ? replace(
    file("${path.module}/write_boundary_config.sh"),
    "@CONFIG_BASE64@",
    filebase64("${path.module}/boundary.yaml"),
  ) : null

  # What the agent tells coderd of who is in the jail; alerts read it from coderd's database. The
  # first line makes it sh, whatever the user's shell is.
  jail_watch = var.firewall ? [join("\n", [
    "#!/bin/sh",
    file("${path.module}/jail_state.sh"),
    replace(
      file("${path.module}/jail_watch.sh"),
      "@POLICY_SHA256@",
      filesha256("${path.module}/boundary.yaml"),
    ),
  ])] : []

  # nsjail makes a network namespace of its own; Landlock needs no capability.
  capabilities = var.firewall && var.jail_type == "nsjail" ? ["NET_ADMIN"] : []
}
