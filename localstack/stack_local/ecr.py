"""ECR is moto's: repositories, policies and tags. Layers and the content of images are written here, and so is the reading half of the
registry (https://github.com/opencontainers/distribution-spec/blob/main/spec.md), at the address of the local AWS."""

import base64
import hashlib
import json
import re

from localstack.http import Request, Response
from moto.ecr.models import ecr_backends

from stack_local.core import Call, Operations, Store, fault, hex_id, world

operations = Operations("ecr")

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html
LARGEST_PART = 20 << 20
PART = 10 << 20


class Registry:
    def __init__(self) -> None:
        self.layers: dict[str, dict[str, bytes]] = {}  # by repository and digest
        self.uploads: dict[str, tuple[str, bytearray]] = {}  # the repository and the bytes of an upload


store = Store(Registry)


def _repository(call: Call):
    name = call["repositoryName"]
    found = ecr_backends[call.account][call.region].repositories.get(name)
    if found is None:
        message = (
            f"The repository with name '{name}' does not exist in the registry with id '{call.get('registryId', call.account)}'"
        )
        raise fault("RepositoryNotFoundException", message)
    return found


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
@operations.on("GetAuthorizationToken")
def get_authorization_token(call: Call) -> dict:
    answer = call.stock()
    for one in answer["authorizationData"]:
        # A client that presents it is of this account and asks for this region.
        one["authorizationToken"] = base64.b64encode(f"AWS:{call.account}/{call.region}".encode()).decode()
        one["proxyEndpoint"] = call.context.request.host_url.rstrip("/")
    return answer


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html
@operations.on("BatchCheckLayerAvailability")
def batch_check_layer_availability(call: Call) -> dict:
    known = store.of(call).layers.get(_repository(call).name, {})
    layers, failures = [], []
    for digest in call["layerDigests"]:
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            failures.append({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": "Invalid layer digest"})
        elif digest in known:
            layers.append({"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": len(known[digest])})
        else:
            layers.append({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"})
    return {"layers": layers, "failures": failures}


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html
@operations.on("InitiateLayerUpload")
def initiate_layer_upload(call: Call) -> dict:
    upload = hex_id(32)
    store.of(call).uploads[upload] = (_repository(call).name, bytearray())
    return {"uploadId": upload, "partSize": PART}


def _upload(call: Call) -> bytearray:
    repository, data = store.of(call).uploads.get(call["uploadId"], ("", bytearray()))
    if repository != _repository(call).name:
        raise fault("UploadNotFoundException", f"The upload with id '{call['uploadId']}' could not be found")
    return data


@operations.on("UploadLayerPart")
def upload_layer_part(call: Call) -> dict:
    data, part = _upload(call), call["layerPartBlob"]
    first, last = call["partFirstByte"], call["partLastByte"]
    if first != len(data) or last - first + 1 != len(part) or len(part) > LARGEST_PART:
        raise fault("InvalidLayerPartException", f"Invalid layer part. The last byte received was {len(data) - 1}.")
    data += part
    return {
        "registryId": call.account,
        "repositoryName": call["repositoryName"],
        "uploadId": call["uploadId"],
        "lastByteReceived": last,
    }


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html
@operations.on("CompleteLayerUpload")
def complete_layer_upload(call: Call) -> dict:
    data, digest, state = bytes(_upload(call)), call["layerDigests"][0], store.of(call)
    if not data:
        raise fault("EmptyUploadException", "The specified layer upload does not contain any layer parts.")
    if _digest(data) != digest:
        raise fault("InvalidLayerException", f"The layer's digest is '{_digest(data)}', and not '{digest}'")
    layers = state.layers.setdefault(call["repositoryName"], {})
    if digest in layers:
        raise fault("LayerAlreadyExistsException", f"The image layer '{digest}' already exists in the associated repository.")
    layers[digest] = data
    del state.uploads[call["uploadId"]]
    return {
        "registryId": call.account,
        "repositoryName": call["repositoryName"],
        "uploadId": call["uploadId"],
        "layerDigest": digest,
    }


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
@operations.on("PutImage")
def put_image(call: Call) -> dict:
    repository, text, tag = _repository(call), call["imageManifest"], call.get("imageTag")
    digest = _digest(text.encode())
    if call.get("imageDigest", digest) != digest:
        message = f"Image digest '{call['imageDigest']}' does not match the digest '{digest}' of the manifest"
        raise fault("ImageDigestDoesNotMatchException", message)
    try:
        manifest = json.loads(text)
    except ValueError:
        raise fault("InvalidParameterException", "Invalid parameter at 'ImageManifest': Invalid JSON syntax") from None
    known = {image.get_image_digest(): image for image in repository.images}
    if missing := [one["digest"] for one in manifest.get("manifests", []) if one["digest"] not in known]:
        message = f"The manifests {', '.join(missing)} that the image refers to do not exist"
        raise fault("ReferencedImagesNotFoundException", message)
    layers = store.of(call).layers.get(repository.name, {})
    parts = [*([manifest["config"]] if manifest.get("config") else []), *manifest.get("layers", [])]
    if missing := [one["digest"] for one in parts if one["digest"] not in layers]:
        raise fault("LayersNotFoundException", f"Layers with digests '{missing}' required for pushing image do not exist")
    of_tag = next((image for image in repository.images if tag and tag in image.image_tags), None)
    if of_tag and of_tag.get_image_digest() != digest and repository.image_tag_mutability == "IMMUTABLE":
        message = (
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten "
            "because the tag is immutable."
        )
        raise fault("ImageTagAlreadyExistsException", message)
    if digest in known and (tag is None or of_tag is known[digest]):
        message = (
            f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the repository with name "
            f"'{repository.name}' in registry with id '{call.account}'"
        )
        raise fault("ImageAlreadyExistsException", message)
    return call.moto({**call.request, "imageDigest": digest})


def read(request: Request, path: str = "") -> Response:
    """What `docker pull` asks of a registry: whether it is one, manifests and blobs."""
    try:
        user, _, place = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode().partition(":")
        account, _, region = place.partition("/")
    except ValueError:
        user = account = region = ""
    if user != "AWS" or not region:
        return Response(status=401, headers={"WWW-Authenticate": f'Basic realm="{request.host_url}",service="ecr.amazonaws.com"'})
    if not path:
        return Response("{}", mimetype="application/json")
    name, _, rest = path.rpartition("/")
    name, _, what = name.rpartition("/")
    with world:
        if what == "blobs":
            data = store.at(account, region).layers.get(name, {}).get(rest)
            about = (rest, "application/octet-stream")
        else:
            repository = ecr_backends[account][region].repositories.get(name)
            images = repository.images if repository and what == "manifests" else []
            found = next((one for one in images if rest in (one.get_image_digest(), *one.image_tags)), None)
            data = found.image_manifest.encode() if found else None
            about = (found.get_image_digest(), found.image_manifest_media_type or "") if found else ("", "")
    if data is None:
        code = "BLOB_UNKNOWN" if what == "blobs" else "MANIFEST_UNKNOWN"
        body = {"errors": [{"code": code, "message": "Requested image not found"}]}
        return Response(json.dumps(body), status=404, mimetype="application/json")
    digest, media = about
    return Response(data, headers={"Docker-Content-Digest": digest, "Content-Type": media})
