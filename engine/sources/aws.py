"""Profiles of AWS, as its tools keep them in ~/.aws: keys, a region, an endpoint."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any

from dbsvc.engine import settings
from dbsvc.engine.errors import StoreRefusedError

#: With any of these the environment itself has the credentials, and goes before a profile.
_IN_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
#: What brings keys that change, by ways that its own library knows.
_BY_BOTO = ("role_arn", "sso_session", "sso_start_url", "sso_account_id", "credential_process", "login_session")
_KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


def find_profile() -> dict[str, Any]:
    """Return what the profile says that AWS_PROFILE names (or the one called default) and the environment does not."""
    name = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    found = _read(name)
    if found is None:
        if name != "default":
            raise StoreRefusedError(f"There is no profile {name} in ~/.aws, which AWS_PROFILE names.")
        return {}
    config: dict[str, Any] = {}
    if "region" in found and not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        config["region"] = found["region"]
    if "endpoint_url" in found and not any(os.environ.get(f"AWS_ENDPOINT{end}") for end in ("", "_URL", "_URL_S3")):
        config["endpoint"] = found["endpoint_url"]
    if any(os.environ.get(variable) for variable in _IN_ENVIRONMENT) or os.environ.get("AWS_SKIP_SIGNATURE"):
        return config
    if "aws_access_key_id" in found:
        settings.keep_secret(found.get("aws_secret_access_key", ""))
        return config | {ours: found[theirs] for theirs, ours in _KEYS.items() if theirs in found}
    if way := next((way for way in _BY_BOTO if way in found), None):
        config["credential_provider"] = _ask_boto(name, way)
    return config


def _ask_boto(name: str, way: str) -> Any:
    try:
        import boto3
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise StoreRefusedError(
            f"The profile {name} of AWS has its keys by {way}, which takes boto3: pip install boto3, or set AWS_ACCESS_KEY_ID."
        ) from None
    return Boto3CredentialProvider(boto3.Session(profile_name=name))


def _read(name: str) -> dict[str, str] | None:
    """Return a profile: what both files say of it, the credentials before the configuration; None if it is in neither."""
    files = {
        "AWS_CONFIG_FILE": ("config", name if name == "default" else f"profile {name}"),
        "AWS_SHARED_CREDENTIALS_FILE": ("credentials", name),
    }
    found: dict[str, str] | None = None
    for variable, (file, section) in files.items():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            path = Path(os.environ.get(variable) or Path("~/.aws", file)).expanduser()
            parser.read_string(path.read_text())
        except (OSError, RuntimeError):  # there is none, or no home that it could be in
            continue
        except (configparser.Error, UnicodeError) as error:
            raise StoreRefusedError(
                f"{path}: a file of profiles of AWS that cannot be read ({type(error).__name__})."
            ) from error
        if parser.has_section(section):
            found = (found or {}) | dict(parser.items(section))
    return found
