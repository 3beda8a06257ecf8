"""What is deployed in a local environment, byte for byte."""

import json
from collections.abc import Mapping

from local.coderd.store import Store
from local.environment import Environment


def deployed(environment: Environment) -> dict[str, bytes]:
    """Return every active version's archive, every ConfigMap's content and network policy.

    The ids that Coder gave templates and versions, and the names that mark a version as
    another one, are replaced: they are new each time.
    """
    found: dict[str, bytes] = {}
    marks: dict[str, str] = {}
    store = Store(environment.state / "coderd" / "coderd.db")
    with environment.coderd.client() as client:
        for template in client.get("/api/v2/organizations/default/templates").json():
            version = f"/api/v2/templateversions/{template['active_version_id']}"
            running = client.get(version).json()
            marks |= {
                template["id"]: f"id of {template['name']}",
                running["id"]: f"id of the version of {template['name']}",
                running["name"]: f"name of the version of {template['name']}",
            }
            file = running["job"]["file_id"]
            content = store.file(file)
            assert content
            found[f"template {template['name']}"] = content
            variables = client.get(f"{version}/variables").json()
            found[f"variables {template['name']}"] = repr(variables).encode()
            shown = {key: template[key] for key in ("display_name", "description")}
            found[f"settings {template['name']}"] = repr(shown).encode()
    store.close()
    with environment.cluster.client() as client:
        maps = client.get("/api/v1/namespaces/monitoring/configmaps").json()["items"]
        for each in maps:
            data = each.get("data") or {}
            files = {name: without_marks(text, marks) for name, text in data.items()}
            content = (files, each["metadata"].get("annotations"))
            found[f"map {each['metadata']['name']}"] = repr(content).encode()
        for each in client.get("/apis/networking.k8s.io/v1/networkpolicies").json()["items"]:
            content = json.dumps(each["spec"], sort_keys=True).encode()
            place = f"{each['metadata']['namespace']}/{each['metadata']['name']}"
            found[f"network {place}"] = content
    return found


def without_marks(text: str, marks: Mapping[str, str]) -> str:
    """Return a file with words in place of marks; JSON with its keys in their order."""
    for mark, words in marks.items():
        text = text.replace(mark, words)
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
