# The pod of Coder's own agents. It shares the project's files with the workspace's pod, and nothing
# else. What it reaches is the network policy's to say, which selects it by its name.

locals {
  project_claims = [kubernetes_persistent_volume_claim_v1.project.metadata[0].name]
}

resource "kubernetes_persistent_volume_claim_v1" "project" {
  metadata {
    name      = "coder-${data.coder_workspace.me.id}-project"
    namespace = var.namespace
    labels    = local.labels
  }

  # A claim may stay unbound until its first pod is scheduled.
  wait_until_bound = false

  spec {
    # Of one node, on which both pods run.
    access_modes = ["ReadWriteOnce"]
    resources {
      requests = {
        storage = "${data.coder_parameter.disk_size.value}Gi"
      }
    }
  }

  lifecycle {
    # A new template version must never replace a project.
    ignore_changes = all
  }
}

# A Deployment, for a plugin that does not hold bare pods to policies: Amazon's VPC CNI.
resource "kubernetes_deployment_v1" "coder_agents" {
  count = data.coder_workspace.me.start_count

  # The build ends when the API server has it, as with a pod that nobody waits for.
  wait_for_rollout = false

  metadata {
    name      = "coder-${data.coder_workspace.me.id}-agents"
    namespace = var.namespace
    labels    = local.coder_agents_labels
  }

  spec {
    replicas = 1

    # Two at a time would be one agent twice.
    strategy {
      type = "Recreate"
    }

    selector {
      match_labels = local.coder_agents_labels
    }

    template {
      metadata {
        labels = local.coder_agents_labels
        annotations = {
          "firewalled-coder/mcp" = jsonencode({ mcpServers = {} })
        }
      }

      spec {
        automount_service_account_token = false
        enable_service_links            = false

        security_context {
          run_as_user     = 1000
          run_as_group    = 1000
          run_as_non_root = true
          fs_group        = 1000
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        # Coder's name as it is, before any of the cluster's domains: those may be refused.
        dns_config {
          option {
            name  = "ndots"
            value = "1"
          }
        }

        container {
          name        = "dev-coderd-chat"
          image       = var.workspace_image
          command     = ["sh", "-c", coder_agent.dev-coderd-chat.init_script]
          working_dir = local.project

          security_context {
            allow_privilege_escalation = false
            read_only_root_filesystem  = true
            run_as_non_root            = true
            capabilities {
              drop = ["ALL"]
            }
          }

          env {
            name  = "CODER_AGENT_TOKEN"
            value = coder_agent.dev-coderd-chat.token
          }

          env {
            name  = "CODER_AGENT_URL"
            value = data.coder_workspace.me.access_url
          }

          # In place of a file in the project, which whoever writes there could give servers.
          env {
            name  = "CODER_AGENT_EXP_MCP_CONFIG_FILES"
            value = "/etc/coder/mcp.json"
          }

          resources {
            requests = {
              cpu    = "250m"
              memory = "512Mi"
            }
            limits = {
              cpu    = local.cpu
              memory = "${local.memory}Gi"
            }
          }

          volume_mount {
            name       = "home"
            mount_path = local.home
          }

          volume_mount {
            name       = "project"
            mount_path = local.project
          }

          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }

          volume_mount {
            name       = "mcp"
            mount_path = "/etc/coder"
            read_only  = true
          }
        }

        volume {
          name = "home"
          empty_dir {
            size_limit = "${data.coder_parameter.disk_size.value}Gi"
          }
        }

        volume {
          name = "project"
          persistent_volume_claim {
            claim_name = local.project_claims[0]
          }
        }

        volume {
          name = "tmp"
          empty_dir {
            size_limit = "${data.coder_parameter.disk_size.value}Gi"
          }
        }

        # Of the pod itself, so that the provisioner needs no right to ConfigMaps.
        volume {
          name = "mcp"
          downward_api {
            items {
              path = "mcp.json"
              field_ref {
                field_path = "metadata.annotations['firewalled-coder/mcp']"
              }
            }
          }
        }

        affinity {
          pod_affinity {
            required_during_scheduling_ignored_during_execution {
              topology_key = "kubernetes.io/hostname"
              label_selector {
                # The workspace's pod.
                match_labels = local.labels
              }
            }
          }
        }
      }
    }
  }

  lifecycle {
    # As the workspace's pod: a new template version is taken at the next start.
    ignore_changes = all
  }
}
