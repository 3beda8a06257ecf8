"""A proxy of the environment that cannot be used is one error, without its address."""

from pathlib import Path

import httpx
import pytest
import yaml

from components import kubeconfig, proxied
from components.coder.api import CoderdAccess, CoderdApi, CoderdError

ADDRESS = "://ada:s3cret@proxy.example:1080"


@pytest.mark.parametrize(
    ("scheme", "said"),
    [("socks5", "pip install 'httpx[socks]'"), ("ftp", "is of no known kind")],
)
def test_it_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, scheme: str, said: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}{ADDRESS}")
    with pytest.raises(proxied.ProxyError) as caught:
        proxied.client()
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(CoderdError) as refused:
        CoderdApi(CoderdAccess("https://coder.acme.internal", "token"))
    assert str(refused.value) == str(caught.value)


def test_a_clusters_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cluster = {"server": "https://10.0.0.1", "proxy-url": f"socks5{ADDRESS}"}
    document = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": [{"name": "one", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with pytest.raises(kubeconfig.ClusterError, match="SOCKS") as caught:
        kubeconfig.client(None)
    assert "s3cret" not in str(caught.value)


def test_what_is_wrong_otherwise_is_httpx_to_say() -> None:
    with pytest.raises(httpx.InvalidURL):
        proxied.client(base_url="https://a:b")
    with pytest.raises(TypeError):
        proxied.client(nothing=1)
