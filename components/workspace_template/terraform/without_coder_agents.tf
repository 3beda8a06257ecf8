# Takes the place of coder_agents.tf where Coder's own agents have no pod of their own.

locals {
  project_claims = []
}
