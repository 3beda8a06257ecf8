terraform {
  required_version = ">= 1.9"

  # Exactly these: the same files are the same workspace tomorrow.
  required_providers {
    coder = {
      source  = "coder/coder"
      version = "2.20.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "3.2.1"
    }
  }
}

provider "coder" {}

provider "kubernetes" {
  # Inside the cluster the provisioner uses its own service account.
  config_path = var.use_kubeconfig ? "~/.kube/config" : null
}
