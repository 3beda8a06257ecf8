# A workspace on Kubernetes in which Claude Code works through Coder's AI Gateway and, with the
# firewall on, inside Coder Boundary. Files beside this one: sizes.json, agent_env.json and, with
# the firewall on, boundary.yaml.

data "coder_provisioner" "me" {}

data "coder_workspace" "me" {}

# Not optional: a build starts only after the owner has logged in to GitLab.
data "coder_external_auth" "gitlab" {
  id = var.gitlab_external_auth_id
}

locals {
  home    = "/home/coder"
  project = "${local.home}/project"

  prompt = local.task_prompt != "" ? local.task_prompt : data.coder_parameter.ai_prompt.value

  cpu    = tonumber(data.coder_parameter.cpu.value)
  memory = tonumber(data.coder_parameter.memory.value)
  # Half of the limit, at least 2 Gi, but never above the limit, which the API server refuses.
  memory_request = min(local.memory, max(2, local.memory / 2))

  # By the name the network policy finds a workspace, by the template what it may reach.
  labels = {
    "app.kubernetes.io/name"     = "coder-workspace"
    "app.kubernetes.io/instance" = "coder-${data.coder_workspace.me.id}"
    "app.kubernetes.io/part-of"  = "coder"
    "firewalled-coder/template"  = data.coder_workspace.me.template_name
  }

  agent_env = jsondecode(file("${path.module}/agent_env.json"))
}

resource "coder_agent" "main" {
  os   = "linux"
  arch = data.coder_provisioner.me.arch

  # Without user data Coder withholds the owner's GitLab token and private ssh key from the agent.
  api_key_scope = var.git_credentials ? "all" : "no_user_data"

  env = {
    EDITOR = "code"
    VISUAL = "code"
    # Looking for dev containers needs Docker, which a workspace does not have.
    CODER_AGENT_DEVCONTAINERS_ENABLE = "false"
  }

  display_apps {
    vscode                 = true
    vscode_insiders        = false
    web_terminal           = true
    ssh_helper             = true
    port_forwarding_helper = true
  }

  metadata {
    display_name = "CPU Usage"
    key          = "cpu_usage"
    script       = local.stats.cpu
    interval     = 10
    timeout      = 2
  }

  metadata {
    display_name = "Memory Usage"
    key          = "mem_usage"
    script       = local.stats.mem
    interval     = 10
    timeout      = 1
  }

  metadata {
    display_name = "Home Disk"
    key          = "home_disk"
    script       = local.stats.disk
    interval     = 60
    timeout      = 1
  }

  dynamic "metadata" {
    for_each = local.jail_watch
    content {
      display_name = "Firewall"
      key          = "jail"
      script       = metadata.value
      interval     = 60
      timeout      = 30
    }
  }
}

resource "coder_env" "agent" {
  for_each = local.agent_env

  agent_id = coder_agent.main.id
  name     = each.key
  value    = each.value.value
}

# At each start a new pod has Claude Code in its home and no policy around it yet: nobody logs in
# before.
resource "coder_script" "policies" {
  count = length(local.policy_scripts) > 0 ? 1 : 0

  agent_id           = coder_agent.main.id
  display_name       = "Policies"
  script             = local.policy_script
  run_on_start       = true
  start_blocks_login = true
  # Programs are fetched in there, where a module does not do that.
  timeout = local.installs ? 300 : 60
}

module "code_server" {
  source  = "registry.coder.com/coder/code-server/coder"
  version = "1.3.1"

  agent_id  = coder_agent.main.id
  folder    = local.home
  subdomain = true
  order     = 1
}
