# Coder's own agents beside the workspace: an agent of their own, for a pod of its own
# (coder_agents_kubernetes.tf). without_coder_agents.tf takes this file's place in a template that
# does not isolate them.

locals {
  # Another name than the workspace's: policies add up, and that of the workspaces opens the web.
  coder_agents_labels = merge(local.labels, { "app.kubernetes.io/name" = "coder-agents" })
}

# coderd looks for the end of the name. The provider has no other way to say it.
resource "coder_agent" "dev-coderd-chat" {
  os   = "linux"
  arch = data.coder_provisioner.me.arch
  # Where tools begin. The provider calls it deprecated, and has nothing in its place.
  dir   = local.project
  order = 1

  # Neither the owner's GitLab token nor their private ssh key, whatever the stack lets people have.
  api_key_scope = "no_user_data"

  env = {
    # Looking for dev containers needs Docker, which the pod does not have.
    CODER_AGENT_DEVCONTAINERS_ENABLE = "false"
  }

  # People work in the other agent.
  display_apps {
    vscode                 = false
    vscode_insiders        = false
    web_terminal           = false
    ssh_helper             = false
    port_forwarding_helper = false
  }
}
