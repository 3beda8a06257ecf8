"""What names, hosts, images and uids may be is what the programs that take them take."""

import pytest

from components import syntax

DIGEST = "0f" * 32


@pytest.mark.parametrize("name", ["new", "create"])
def test_names_that_are_routes_of_coder_are_none(name: str) -> None:
    assert not syntax.is_coder_name(name)
    assert not syntax.is_external_auth_id(name)
    assert syntax.is_coder_name(f"{name}er")
    assert syntax.is_coder_name(name.title())


@pytest.mark.parametrize(
    "reference",
    [
        "reg.example.com:65535/base",
        f"base@sha256:{DIGEST}",
        f"base@sha384:{DIGEST}{DIGEST[:32]}",
        f"base:tag@sha512:{DIGEST * 2}",
    ],
)
def test_an_image_that_a_runtime_pulls(reference: str) -> None:
    assert syntax.is_image(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "reg.example.com:65536/base",
        "reg.example.com:0/base",
        "reg.example.com:99999/base:tag",
        # OCI's digests are of these algorithms alone, in lower case and whole.
        f"base@sha256:{DIGEST.upper()}",
        f"base@sha256:{DIGEST[:-1]}",
        f"base@sha512:{DIGEST}",
        f"base@md5:{DIGEST[:32]}",
    ],
)
def test_an_image_that_no_runtime_pulls(reference: str) -> None:
    assert not syntax.is_image(reference)


@pytest.mark.parametrize("tag", ["", ":latest", ":main", ":edge", ":nightly", ":stable"])
def test_an_image_that_moves(tag: str) -> None:
    assert syntax.is_floating_image(f"reg.example.com:5000/base{tag}")
    assert not syntax.is_floating_image(f"reg.example.com:5000/base{tag}@sha256:{DIGEST}")
    assert not syntax.is_floating_image("reg.example.com:5000/main:1.2.3")


@pytest.mark.parametrize("host", ["a:\u0664\u0664\u0663", "a:65536", "a:0", "a:"])
def test_a_host_with_a_port_that_is_none(host: str) -> None:
    assert not syntax.is_host(host)


@pytest.mark.parametrize("uid", ["grafana", "__expr__", "-100"])
def test_uids_that_grafana_has_for_itself(uid: str) -> None:
    assert not syntax.is_grafana_uid(uid)
    assert syntax.is_grafana_uid(f"{uid}1")


@pytest.mark.parametrize("title", ["General", "general", "GENERAL"])
def test_a_folder_of_the_name_of_grafanas_own(title: str) -> None:
    assert not syntax.is_folder(title)
    assert syntax.is_folder(f"{title} 2")


@pytest.mark.parametrize("name", ["coder", "Coder DB", "a" * 63, "\u00e9" * 31])
def test_names_of_databases(name: str) -> None:
    assert syntax.is_database(name)


@pytest.mark.parametrize("name", ["", "a" * 64, "\u00e9" * 32, "a\nb", "a\x00"])
def test_what_postgresql_would_cut_or_refuse(name: str) -> None:
    assert not syntax.is_database(name)
