# Takes the place of tasks.tf where Coder has no Tasks.

locals {
  report_tasks = false
  task_prompt  = ""
}
