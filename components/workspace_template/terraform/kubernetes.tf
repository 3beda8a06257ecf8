resource "kubernetes_persistent_volume_claim_v1" "home" {
  metadata {
    name      = "coder-${data.coder_workspace.me.id}-home"
    namespace = var.namespace
    labels    = local.labels
  }

  # A claim may stay unbound until its first pod is scheduled.
  wait_until_bound = false

  spec {
    access_modes = ["ReadWriteOnce"]
    resources {
      requests = {
        storage = "${data.coder_parameter.disk_size.value}Gi"
      }
    }
  }

  lifecycle {
    # A new template version must never replace a home.
    ignore_changes = all
  }
}

resource "kubernetes_pod_v1" "main" {
  count = data.coder_workspace.me.start_count

  metadata {
    name      = "coder-${data.coder_workspace.me.id}"
    namespace = var.namespace
    labels    = local.labels
  }

  spec {
    # Nothing in a workspace asks the cluster, and an agent is to have no credential for it.
    automount_service_account_token = false

    security_context {
      run_as_user = 1000
      fs_group    = 1000
    }

    container {
      name    = "dev"
      image   = var.workspace_image
      command = ["sh", "-c", coder_agent.main.init_script]

      security_context {
        run_as_user = 1000
        # AgentAPI is installed with sudo.
        allow_privilege_escalation = true

        dynamic "capabilities" {
          for_each = length(local.capabilities) > 0 ? [local.capabilities] : []
          content {
            add = capabilities.value
          }
        }

        dynamic "seccomp_profile" {
          for_each = local.seccomp
          content {
            type = seccomp_profile.value
          }
        }
      }

      env {
        name  = "CODER_AGENT_TOKEN"
        value = coder_agent.main.token
      }

      env {
        name  = "CODER_AGENT_URL"
        value = data.coder_workspace.me.access_url
      }

      resources {
        requests = {
          cpu    = "500m"
          memory = "${local.memory_request}Gi"
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

      dynamic "volume_mount" {
        for_each = local.project_claims
        content {
          name       = "project"
          mount_path = local.project
        }
      }
    }

    volume {
      name = "home"
      persistent_volume_claim {
        claim_name = kubernetes_persistent_volume_claim_v1.home.metadata[0].name
      }
    }

    dynamic "volume" {
      for_each = local.project_claims
      content {
        name = "project"
        persistent_volume_claim {
          claim_name = volume.value
        }
      }
    }

    affinity {
      pod_anti_affinity {
        preferred_during_scheduling_ignored_during_execution {
          weight = 1
          pod_affinity_term {
            topology_key = "kubernetes.io/hostname"
            label_selector {
              match_expressions {
                key      = "app.kubernetes.io/name"
                operator = "In"
                values   = ["coder-workspace"]
              }
            }
          }
        }
      }
    }
  }

  lifecycle {
    # Running pods survive a new template version; they take it at their next start.
    ignore_changes = all
  }
}
