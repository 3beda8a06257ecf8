# Coder Tasks, for deployments that have them. Deprecated as of Coder 2.34: without_tasks.tf takes
# this file's place in a stack that turns Tasks off.

data "coder_task" "me" {}

locals {
  report_tasks = true
  task_prompt  = data.coder_task.me.prompt
}

resource "coder_ai_task" "claude_code" {
  count  = data.coder_task.me.enabled ? data.coder_workspace.me.start_count : 0
  app_id = module.claude_code.task_app_id
}
