"""A container registry, by the OCI distribution API: what no engine's client does for both engines alike.

Tags without a pull, labels, archives and attestations. Credentials are those of `docker login`
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md).
"""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from scanops.digest import hash_bytes
from scanops.errors import OutsideError, VerdictError
from scanops.release import image_names, registry_login

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = (OCI_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
INDEXES = (OCI_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
TIMEOUT_S = (5, 120)
CHUNK_BYTES = 1 << 20
# Each of these may be sent twice with the same effect.
RETRIED = Retry(
    total=3, backoff_factor=0.3, status_forcelist=(429, 502, 503, 504), allowed_methods=("GET", "HEAD", "PUT")
)


class RegistryError(OutsideError):
    """The registry refused a request."""


class AbsentError(RegistryError):
    """The registry has not what was asked for."""


class ImageRegistry:
    """One repository of a registry.

    Args:
        repository: `host[:port]/name`.

    Raises:
        ConfigError: That is no such name.
    """

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.host, path = image_names.host_and_path(repository)
        plain = image_names.is_plain(self.host)
        self._base = f"{'http' if plain else 'https'}://{self.host}/v2/{path}"
        self._session = requests.Session()
        self._session.mount(self._base, HTTPAdapter(max_retries=RETRIED))
        self._session.trust_env = not plain  # no proxy leads to this machine
        self._authorization = ""

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """Fetch a manifest.

        Args:
            reference: A tag, or a digest, which the bytes must hash to.

        Returns:
            Its bytes, and its media type.
        """
        response = self._ask(
            "GET", f"/manifests/{reference}", headers={"Accept": ", ".join(MANIFESTS + INDEXES)}
        )
        content = response.content
        if reference.startswith("sha256:"):
            self._require_digest(content, reference)
        return content, response.headers.get("Content-Type", "").partition(";")[0]

    def image(self, reference: str) -> dict[str, Any]:
        """Fetch the manifest of an image for one platform, through an index where that is all there is.

        Args:
            reference: A tag or a digest.

        Raises:
            VerdictError: It is for several platforms.
        """
        content, kind = self.manifest(reference)
        described = dict(json.loads(content))
        if kind not in INDEXES:
            return described
        images = [
            one["digest"]
            for one in described["manifests"]
            if one.get("platform", {}).get("os", "unknown") != "unknown"  # attestations are for no platform
        ]
        if len(images) != 1:
            fault = f"holds images for {len(images)} platforms"
            raise VerdictError(
                f"{self.repository} {reference}", fault, "Build for one platform: `make image`"
            )
        return self.image(images[0])

    def labels(self, reference: str) -> dict[str, str]:
        """Read the labels of an image.

        Args:
            reference: A tag or a digest.
        """
        digest = str(self.image(reference)["config"]["digest"])
        content = self._ask("GET", f"/blobs/{digest}").content
        self._require_digest(content, digest)
        return dict(json.loads(content).get("config", {}).get("Labels") or {})

    def tag(self, digest: str, name: str) -> None:
        """Give an image a further name: no layer moves.

        Args:
            digest: The image's.
            name: The tag.
        """
        content, kind = self.manifest(digest)
        self.put_manifest(name, content, kind)

    def has(self, digest: str) -> bool:
        """Say whether a manifest is there."""
        try:
            self.manifest(digest)
        except AbsentError:
            return False
        return True

    def put_manifest(self, reference: str, content: bytes, kind: str) -> Mapping[str, str]:
        """Store a manifest.

        Args:
            reference: Its tag or digest.
            content: Its bytes.
            kind: Its media type.

        Returns:
            The headers of the answer.
        """
        headers = {"Content-Type": kind}
        answer = self._ask("PUT", f"/manifests/{reference}", headers=headers, data=content)
        return dict(answer.headers)

    def put_blob(self, content: bytes) -> str:
        """Store a small blob in one piece; return its digest."""
        digest = "sha256:" + hash_bytes(content)
        given = self._ask("POST", "/blobs/uploads/").headers["Location"]
        place = urllib.parse.urljoin(f"{self._base}/", given)
        joint = "&" if "?" in place else "?"
        headers = {"Content-Type": "application/octet-stream"}
        self._ask("PUT", f"{place}{joint}digest={digest}", headers=headers, data=content)
        return digest

    def save_blob(self, digest: str, target: Path) -> None:
        """Fetch a blob into a file.

        Args:
            digest: What it must hash to.
            target: The file; left out where the blob is another.
        """
        seen = hashlib.sha256()
        with self._ask("GET", f"/blobs/{digest}", stream=True) as response, target.open("wb") as file:
            try:
                for piece in response.iter_content(CHUNK_BYTES):
                    seen.update(piece)
                    file.write(piece)
            except requests.RequestException as error:
                raise self._silent(error) from error
        if f"sha256:{seen.hexdigest()}" != digest:
            target.unlink()
            raise self._false(digest)

    def _ask(self, method: str, path: str, **request: Any) -> requests.Response:
        url = path if path.startswith("http") else self._base + path
        headers = request.pop("headers", {})
        try:
            response = self._send(method, url, headers, request)
            # A redirect or an upload may lead to another host, whose challenge would be handed the login.
            if response.status_code == requests.codes.unauthorized and self._is_ours(response.url):
                challenge = response.headers.get("WWW-Authenticate", "")
                self._authorization = registry_login.answer(self._session, self.host, challenge)
                response = self._send(method, url, headers, request)
        except requests.RequestException as error:
            raise self._silent(error) from error
        if not response.ok:
            said = f"{response.status_code} {response.text[:200].strip()}"
            fault = f"answers {method} {path.partition('?')[0]} with {said}"
            remedy = "Push the image (`make push`), or log in with `docker login` as somebody who may"
            kind = AbsentError if response.status_code == requests.codes.not_found else RegistryError
            raise kind(f"registry {self.repository}", fault, remedy)
        return response

    def _send(
        self, method: str, url: str, headers: dict[str, str], request: dict[str, Any]
    ) -> requests.Response:
        known = {"Authorization": self._authorization} if self._authorization and self._is_ours(url) else {}
        return self._session.request(method, url, headers=headers | known, timeout=TIMEOUT_S, **request)

    def _is_ours(self, url: str) -> bool:
        return url.startswith(self._base.partition("/v2/")[0] + "/")

    def _require_digest(self, content: bytes, digest: str) -> None:
        if "sha256:" + hash_bytes(content) != digest:
            raise self._false(digest)

    def _false(self, digest: str) -> VerdictError:
        remedy = "Find out who changed its store; push the image again"
        return VerdictError(f"registry {self.repository}", f"gives other bytes than {digest[:19]}", remedy)

    def _silent(self, error: Exception) -> RegistryError:
        remedy = f"Start it or correct its name; {image_names.PLAIN} names hosts without TLS"
        return RegistryError(f"registry {self.repository}", f"cannot be reached ({error})", remedy)
