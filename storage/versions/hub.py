"""A version on the Hugging Face Hub: its files as a dataset repository, with the version as a tag.

huggingface_hub does the transfer: it takes the token from its own login or from HF_TOKEN, and the address from HF_ENDPOINT.
The kept rows are what `datasets.load_dataset(REPO, revision="v2-3f9a0c1d")` reads; the card says so in its front matter.
"""

from dataclasses import dataclass

from rollmill.ground.errors import SetupError, Unavailable, extras_named
from rollmill.storage.versions.read import require_published
from rollmill.storage.versions.resolve import VersionInfo

LOCAL = ("dataset.duckdb*", "*.tmp", ".*")
"""Files of a version's folder that serve readers on this machine alone."""


@dataclass(frozen=True)
class OnHub:
    """A version in a repository of the Hub: its tag, the commit, and the address of its page."""

    repository: str
    tag: str
    commit: str
    url: str


@extras_named()
def push_to_hub(info: VersionInfo, repository: str, *, private: bool = True) -> OnHub:
    """Upload a version's files to a dataset repository, which is made if there is none; the tag is the version's folder.

    A repeated call makes no new commit where nothing has changed. FoundWanting for files that are not the published ones,
    SetupError for a name or a token that the Hub refuses, Unavailable where it does not answer.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    require_published(info)
    api = HfApi(library_name="rollmill")
    try:
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        made = api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=info.path,
            commit_message=info.ref,
            ignore_patterns=list(LOCAL),
            delete_patterns=["*"],  # files of other versions, which their tags keep
        )
        api.create_tag(
            repository, repo_type="dataset", tag=info.folder, revision=made.oid, tag_message=info.ref, exist_ok=True
        )
    except (HFValidationError, LocalTokenNotFoundError) as error:
        raise SetupError(f"--hub {repository!r}: {_line(error)}", next_command="hf auth login") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403, 404):
            refused = f"the Hub refused {repository!r} (status {status})."
            raise SetupError(refused, next_command="hf auth login, as somebody who may write there") from error
        raise Unavailable(f"the Hub answered with status {status}.", next_command="the same command later") from error
    except Exception as error:
        if not isinstance(error, (OSError, HfHubHTTPError.__bases__)):  # its transport's own error: no answer at all
            raise
        raise Unavailable(f"the Hub does not answer ({type(error).__name__}).", next_command="the same later") from error
    return OnHub(repository, info.folder, made.oid, f"{api.endpoint}/datasets/{repository}/tree/{info.folder}")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") + "."
