# The firewall: nothing here but values, so that it can be evaluated without a provider.

locals {
  # The `claude` that comes first on PATH; it starts nothing under another policy than this one.
  claude_in_jail = var.firewall ? replace(
    file("${path.module}/claude_in_jail.sh"),
    "@POLICY_SHA256@",
    filesha256("${path.module}/boundary.yaml"),
  ) : ""

  # Runs before Claude Code is installed, so that no agent process starts without its policy.
  # Base64 carries a file through the shell byte for byte, whatever it contains.
  boundary_script = var.firewall ? join("\n", [
    replace(
      file("${path.module}/put_claude_in_jail.sh"),
      "@WRAPPER_BASE64@",
      base64encode(local.claude_in_jail),
    ),
    replace(
      file("${path.module}/write_boundary_config.sh"),
      "@CONFIG_BASE64@",
      filebase64("${path.module}/boundary.yaml"),
    ),
  ]) : null

  # nsjail makes a network namespace of its own; Landlock needs no capability.
  capabilities = var.firewall && var.jail_type == "nsjail" ? ["NET_ADMIN"] : []
}
