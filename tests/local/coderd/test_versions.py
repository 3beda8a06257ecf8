"""Template versions in the stand-in for coderd."""

from typing import Any

import httpx
import pytest

from tests.local.coderd.making import GOOD, archive, imported, template, until_over


@pytest.mark.parametrize(
    ("files", "variables", "line"),
    [
        ({"main.tf": 'resource "a" "b" {\n  x = 1\n'}, {}, "Error: Invalid configuration syntax"),
        ({"main.tf": "locals {\n  a = = 1\n}\n"}, {}, "  on main.tf line 2:"),
        ({"README.md": "text"}, {}, "Error: No configuration files"),
        ({"modules/main.tf": GOOD}, {}, "Error: No configuration files"),
        ({"main.tf": GOOD}, {"image": "x", "imgae": "y"}, 'variable named "imgae"'),
        ({"main.tf": GOOD + "locals {\n  a = var.nope\n}\n"}, {}, 'the name "nope"'),
        ({"main.tf": GOOD + 'locals {\n  a = "${coder_agent.x.id}"\n}\n'}, {}, '"coder_agent" "x"'),
        ({"main.tf": GOOD, "b.tf": 'variable "image" {}\n'}, {}, "Duplicate variable declaration"),
        (
            {"main.tf": 'locals {\n  a = file("${path.module}/gone.json")\n}\n'},
            {},
            'no file exists at "./gone.json"',
        ),
        (
            {"main.tf": 'variable "size" {\n  type = number\n}\n'},
            {"size": "large"},
            "number required",
        ),
    ],
)
def test_a_bad_template_fails_its_import_and_the_log_says_why(
    api: httpx.Client, files: dict[str, str], variables: dict[str, str], line: str
) -> None:
    version = imported(api, files, variables)
    assert version["job"]["status"] == "failed"
    assert "terraform plan: exit status 1" in version["job"]["error"]
    log = api.get(f"templateversions/{version['id']}/logs").json()
    assert any(line in entry["output"] for entry in log), log
    after = log[2]["id"]
    rest = api.get(f"templateversions/{version['id']}/logs", params={"after": after}).json()
    assert rest == log[3:]
    refused = api.post(
        "organizations/default/templates",
        json={"name": "bad", "template_version_id": version["id"]},
    )
    assert refused.status_code == 400


def test_what_only_looks_like_a_mistake_is_imported(api: httpx.Client) -> None:
    harmless = """
locals {
  text = "var.nope local.nope $${var.nope}"
  long = <<-EOT
    var.nope said "data.no.thing" and { coder_agent.nope }
  EOT
  some = { for key, item in { a = 1 } : key => item }
  none = false ? file("${path.module}/gone") : "module.nope"
}
"""
    version = imported(api, {"main.tf": GOOD, "more.tf": harmless}, {"image": "x"})
    assert version["job"]["status"] == "succeeded", version["job"]


def test_missing_values_and_unknown_logins_fail_the_import(api: httpx.Client) -> None:
    missing = imported(api, {"main.tf": GOOD})["job"]
    assert (missing["status"], missing["error_code"]) == ("failed", "REQUIRED_TEMPLATE_VARIABLES")
    assert missing["error"].endswith("need values: image")
    assert imported(api, {"main.tf": GOOD}, {"image": ""})["job"]["error"] == missing["error"]
    null = GOOD.replace("type = string", "type = string\n  default = null")
    assert imported(api, {"main.tf": null})["job"]["error"] == missing["error"]
    login = (
        'variable "id" {\n  default = "gitlub"\n}\ndata "coder_external_auth" "a" {\n  id = %s\n}'
    )
    unknown = imported(api, {"main.tf": login % "var.id"})["job"]
    assert unknown["error"] == 'external auth provider "gitlub" is not configured'
    known = imported(api, {"main.tf": login % "var.id"}, {"id": "other"})["job"]
    assert known["status"] == "succeeded"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"file_id": "0c7b1c1e-0000-4000-8000-000000000000"}, 404, "File not found."),
        ({"name": "a b"}, 400, "Validation failed."),
        ({"name": "a" * 65}, 400, "Validation failed."),
        ({"storage_method": "git"}, 400, "Validation failed."),
        ({"user_variable_values": ["a"]}, 400, "Validation failed."),
        ({"template_id": "0c7b1c1e-0000-4000-8000-000000000000"}, 404, "Template does not exist."),
    ],
)
def test_a_version_that_coderd_refuses(
    api: httpx.Client, change: dict[str, Any], status: int, message: str
) -> None:
    tar = {"content-type": "application/x-tar"}
    file = api.post("files", content=archive({"main.tf": GOOD}), headers=tar).json()["hash"]
    body = {"storage_method": "file", "provisioner": "terraform", "file_id": file, **change}
    answer = api.post("organizations/default/templateversions", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)


def test_version_names_are_unique_within_a_template(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    files, variables = {"main.tf": GOOD}, {"image": "x"}
    version = imported(api, files, variables, name="one", template_id=made["id"])
    assert api.get(f"templates/{made['id']}/versions/one").json()["id"] == version["id"]
    body = {"name": "one", "template_id": made["id"], "storage_method": "file"}
    tar = {"content-type": "application/x-tar"}
    file = api.post("files", content=archive(files), headers=tar)
    assert file.status_code == 200
    again = api.post(
        "organizations/default/templateversions",
        json={**body, "provisioner": "terraform", "file_id": file.json()["hash"]},
    )
    assert again.status_code == 409
    assert again.json()["validations"][0]["field"] == "name"
    other = imported(api, files, variables, template_id=made["id"])
    assert other["name"]
    assert api.patch(f"templateversions/{other['id']}", json={"name": "one"}).status_code == 409
    assert len(api.get(f"templates/{made['id']}/versions").json()) == 3


def test_an_upload_that_is_no_tar_archive(api: httpx.Client) -> None:
    assert api.post("files", content=b"x", headers={"content-type": "a/b"}).status_code == 400
    tar = {"content-type": "application/x-tar"}
    file = api.post("files", content=b"not a tar archive" * 100, headers=tar).json()["hash"]
    version = api.post(
        "organizations/default/templateversions",
        json={"storage_method": "file", "provisioner": "terraform", "file_id": file},
    ).json()
    job = until_over(api, f"templateversions/{version['id']}")["job"]
    assert job["error"] == "extract files: the file is not a tar archive"
