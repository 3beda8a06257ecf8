terraform {
  required_version = ">= 1.9"

  required_providers {
    coder = {
      source = "coder/coder"
      # 2.13 brought what tasks.tf reads of a Task.
      version = ">= 2.13.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.23"
    }
  }
}

provider "coder" {}

provider "kubernetes" {
  # Inside the cluster the provisioner uses its own service account.
  config_path = var.use_kubeconfig ? "~/.kube/config" : null
}
