"""The sections on Coder itself: `coder`, `kubernetes` and `externalAuth`."""

from pydantic import Field

from components.coder import chart
from components.coder.variables import GITLAB_ID, GITLAB_NAME, Setter
from components.settings.section import Flag, SettingsSection
from components.settings.types import (
    DisplayName,
    ExternalAuthId,
    Host,
    KubernetesName,
    Url,
)


class Coder(SettingsSection):
    """The Coder deployment that the stack configures."""

    access_url: Url = Field(description="URL by which people and workspaces reach Coder.")
    api_url: Url | None = Field(
        None, description="URL by which this program reaches Coder's API; the access URL if unset."
    )
    organization: str | None = Field(
        None,
        min_length=1,
        description="Name of the organization; the deployment's default one if unset.",
    )
    namespace: KubernetesName = Field(chart.NAMESPACE, description="Namespace of coderd.")
    deployment: KubernetesName = Field(chart.DEPLOYMENT, description="Deployment of coderd.")
    container: KubernetesName = Field(
        chart.CONTAINER, description="Container of coderd in its pod."
    )
    wait_for_rollout: Flag = Field(
        True, description="Wait until coderd has restarted with its new variables."
    )
    audit_logging: Flag = Field(
        True, description="Switch on coderd's JSON log and metrics, which the dashboards read."
    )
    variables: Setter = Field(
        "patch",
        description="Who sets coderd's variables. patch: the stack, on the Deployment; secret: the "
        "stack makes their Secret, which the chart's coder.envFrom names; chart: the chart's "
        "coder.env, with credentials from a Secret of the stack's; none: somebody else, such as "
        "another stack.",
    )

    @property
    def api(self) -> str:
        """The URL of Coder's API."""
        return self.api_url or self.access_url


class Kubernetes(SettingsSection):
    """The cluster that runs Coder, workspaces and Grafana."""

    context: str | None = Field(
        None, description="Context in the kubeconfig (KUBECONFIG); the current one if unset."
    )
    force_conflicts: Flag = Field(
        False,
        description="Take over fields of coderd's Deployment, and labels of the workspaces' "
        "namespace, that another field manager owns.",
    )


class GitLab(SettingsSection):
    """One GitLab instance that people must have logged in to."""

    id: ExternalAuthId = Field(GITLAB_ID, description="Id of the provider in Coder.")
    host: Host = Field(description="Host of the GitLab instance.")
    display_name: DisplayName = Field(
        GITLAB_NAME, min_length=1, description="Name on Coder's login button."
    )


class ExternalAuthSettings(SettingsSection):
    """External login; the order of the providers is their index in coderd's environment."""

    providers: list[GitLab] = Field(min_length=1, description="GitLab instances, in order.")
