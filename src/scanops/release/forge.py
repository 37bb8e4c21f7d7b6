"""The forge that holds the project: pull requests, comments and events, through GitHub's REST API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from scanops.errors import ConfigError, OutsideError
from scanops.release.git import Git, GitError

TIMEOUT_S = 30
API_VERSION = "2022-11-28"  # what GitHub calls this form of its API
LONGEST_BODY = 65_000  # characters; GitHub takes 65,536
# A connection that fails is tried again for anything; an answer of these kinds for what can be asked twice.
RETRY = Retry(total=3, backoff_factor=0.5, status_forcelist=(502, 503, 504), raise_on_status=False)


@dataclass(frozen=True)
class Posted:
    """What stands on the forge now.

    Attributes:
        url: Where a person reads it.
        fresh: False where an earlier one was updated.
    """

    url: str
    fresh: bool


class Forge:
    """A repository on a forge.

    Args:
        api: Address of the API, such as `https://api.github.com`.
        repository: `owner/name`.
        token: What may write pull requests, comments or events there.
    """

    def __init__(self, api: str, repository: str, token: str) -> None:
        self._api = api.rstrip("/")
        self._repository = repository
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "X-GitHub-Api-Version": API_VERSION,
            }
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=RETRY))

    @classmethod
    def find(cls, root: Path, environ: Mapping[str, str]) -> Forge:
        """Take what GitHub Actions sets, else the repository that the remote `origin` names.

        Args:
            root: A folder in the clone.
            environ: GITHUB_TOKEN, and where they are set GITHUB_REPOSITORY and GITHUB_API_URL.

        Returns:
            The forge; it was not asked yet.

        Raises:
            ConfigError: The token is missing, or nothing names the repository.
        """
        token = environ.get("GITHUB_TOKEN")
        if not token:
            remedy = "Set it to a token that may write contents and pull requests"
            raise ConfigError("GITHUB_TOKEN", "is not set", remedy)
        repository = environ.get("GITHUB_REPOSITORY") or _of_remote(root)
        return cls(environ.get("GITHUB_API_URL") or "https://api.github.com", repository, token)

    def propose(self, branch: str, base: str, title: str, body: str) -> Posted:
        """Open a pull request, or update the open one of this branch.

        Args:
            branch: What is to be merged.
            base: Into what.
            title: One line.
            body: Markdown; its end is cut off where it is too long.

        Returns:
            Where it stands.

        Raises:
            OutsideError: The forge cannot be reached, or refuses.
        """
        owner = self._repository.split("/")[0]
        asked = {"state": "open", "head": f"{owner}:{branch}", "base": base}
        found = self._ask("GET", "pulls", params=asked).json()
        told = {"title": title, "body": _fitting(body)}
        if found:
            answer = self._ask("PATCH", f"pulls/{found[0]['number']}", json=told)
        else:
            answer = self._ask("POST", "pulls", json={**told, "head": branch, "base": base})
        return Posted(str(answer.json()["html_url"]), fresh=not found)

    def comment(self, number: int, marker: str, body: str) -> Posted:
        """Write a comment under a pull request, or replace the earlier one with this marker.

        Args:
            number: Of the pull request.
            marker: A line that no other comment holds, such as an HTML comment.
            body: Markdown; its end is cut off where it is too long.

        Returns:
            Where it stands.

        Raises:
            OutsideError: The forge cannot be reached, or refuses.
        """
        told = {"body": _fitting(f"{marker}\n{body}")}
        earlier = self._comment_with(number, marker)
        if earlier is None:
            answer = self._ask("POST", f"issues/{number}/comments", json=told)
        else:
            answer = self._ask("PATCH", f"issues/comments/{earlier}", json=told)
        return Posted(str(answer.json()["html_url"]), fresh=earlier is None)

    def dispatch(self, event: str, payload: Mapping[str, Any]) -> None:
        """Send a `repository_dispatch` event, which starts the workflows that wait for it.

        Args:
            event: Its type.
            payload: What JSON can hold.

        Raises:
            OutsideError: The forge cannot be reached, or refuses.
        """
        self._ask("POST", "dispatches", json={"event_type": event, "client_payload": dict(payload)})

    def _comment_with(self, number: int, marker: str) -> int | None:
        page: str | None = f"issues/{number}/comments?per_page=100"
        while page:
            answer = self._ask("GET", page)
            for comment in answer.json():
                if str(comment["body"]).startswith(marker):
                    return int(comment["id"])
            page = answer.links.get("next", {}).get("url")
        return None

    def _ask(self, method: str, path: str, **content: Any) -> requests.Response:
        url = path if "://" in path else f"{self._api}/repos/{self._repository}/{path}"
        try:
            answer = self._session.request(method, url, timeout=TIMEOUT_S, **content)
        except requests.RequestException as error:
            remedy = "Look at the network and at GITHUB_API_URL, then run again"
            raise OutsideError(
                f"the forge {self._api}", f"cannot be reached ({type(error).__name__})", remedy
            ) from error
        if not answer.ok:
            fault = f"refuses {method} {path.partition('?')[0]}: {answer.status_code} {_reason(answer)}"
            remedy = "Look at what GITHUB_TOKEN may do there, and at the name in GITHUB_REPOSITORY"
            raise OutsideError(f"the forge {self._api}", fault, remedy)
        return answer


def _of_remote(root: Path) -> str:
    try:
        url = Git(root).text("remote", "get-url", "origin")
    except GitError:
        url = ""
    named = re.search(r"[/:]([\w.-]+/[\w.-]+?)(\.git)?/?$", url) if "://" in url or "@" in url else None
    if not named:
        raise ConfigError("GITHUB_REPOSITORY", "is not set, and no remote origin names it", "Set owner/name")
    return named[1]


def _fitting(body: str) -> str:
    return body if len(body) <= LONGEST_BODY else body[:LONGEST_BODY] + "\n\n… cut off here"


def _reason(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return str(answer.reason)
    return str(told.get("message", answer.reason)) if isinstance(told, dict) else str(answer.reason)
