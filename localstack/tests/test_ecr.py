import base64
import hashlib
import json
import urllib.error
import urllib.request

from tests.aws import Case


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Images(Case):
    def setUp(self):
        super().setUp()
        self.ecr = self.server.client("ecr")
        self.ecr.create_repository(repositoryName="team/web", imageTagMutability="IMMUTABLE")
        self.addCleanup(self.ecr.delete_repository, repositoryName="team/web", force=True)

    def push(self, data: bytes) -> str:
        upload = self.ecr.initiate_layer_upload(repositoryName="team/web")
        part: dict = {"repositoryName": "team/web", "uploadId": upload["uploadId"]}
        half = len(data) // 2
        self.ecr.upload_layer_part(**part, partFirstByte=0, partLastByte=half - 1, layerPartBlob=data[:half])
        again: dict = {**part, "partFirstByte": 0, "partLastByte": half - 1, "layerPartBlob": data[:half]}
        self.refused("InvalidLayerPartException", self.ecr.upload_layer_part, **again)
        self.ecr.upload_layer_part(**part, partFirstByte=half, partLastByte=len(data) - 1, layerPartBlob=data[half:])
        self.refused("InvalidLayerException", self.ecr.complete_layer_upload, **part, layerDigests=[digest(b"other")])
        self.ecr.complete_layer_upload(**part, layerDigests=[digest(data)])
        return digest(data)

    def read(self, path: str):
        token = self.ecr.get_authorization_token()["authorizationData"][0]
        request = urllib.request.Request(token["proxyEndpoint"] + path)
        request.add_header("Authorization", "Basic " + token["authorizationToken"])
        return urllib.request.urlopen(request).read()

    def test_an_image_is_pushed_and_pulled(self):
        layer = b"layer" * 100
        media = "application/vnd.oci.image.manifest.v1+json"
        config = {"digest": digest(b"{}x"), "size": 3, "mediaType": "application/vnd.oci.image.config.v1+json"}
        manifest: dict = {"schemaVersion": 2, "mediaType": media, "config": config}
        manifest["layers"] = [
            {"digest": digest(layer), "size": len(layer), "mediaType": "application/vnd.oci.image.layer.v1.tar"}
        ]
        text = json.dumps(manifest)
        put: dict = {"repositoryName": "team/web", "imageManifest": text, "imageTag": "1"}
        self.refused("LayersNotFoundException", self.ecr.put_image, **put)
        self.push(layer)
        self.push(b"{}x")
        known = self.ecr.batch_check_layer_availability(repositoryName="team/web", layerDigests=[digest(layer), digest(b"no")])
        self.assertEqual([one["layerAvailability"] for one in known["layers"]], ["AVAILABLE", "UNAVAILABLE"])
        made = self.ecr.put_image(**put)["image"]["imageId"]
        self.assertEqual(made["imageDigest"], digest(text.encode()))
        self.refused("ImageAlreadyExistsException", self.ecr.put_image, **put)
        self.refused("ImageTagAlreadyExistsException", self.ecr.put_image, **{**put, "imageManifest": text + " "})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}
        listing: dict = {
            "repositoryName": "team/web",
            "imageManifest": json.dumps({**index, "manifests": [{"digest": digest(b"no")}]}),
        }
        self.refused("ReferencedImagesNotFoundException", self.ecr.put_image, **listing)
        listing["imageManifest"] = json.dumps({**index, "manifests": [{"digest": made["imageDigest"]}]})
        self.ecr.put_image(**listing)
        self.refused("ImageAlreadyExistsException", self.ecr.put_image, **listing)
        self.assertEqual(self.read("/v2/team/web/manifests/1").decode(), text)
        self.assertEqual(self.read(f"/v2/team/web/blobs/{digest(layer)}"), layer)
        for missing in ("/v2/team/web/manifests/2", "/v2/team/other/manifests/1", f"/v2/team/web/blobs/{digest(b'no')}"):
            with self.assertRaises(urllib.error.HTTPError) as error:
                self.read(missing)
            self.assertEqual(error.exception.code, 404, missing)

    def test_who_shows_no_token_is_asked_for_it(self):
        endpoint = self.ecr.get_authorization_token()["authorizationData"][0]["proxyEndpoint"]
        with self.assertRaises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(endpoint + "/v2/")
        self.assertEqual((error.exception.code, "Basic" in error.exception.headers["WWW-Authenticate"]), (401, True))
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self.assertTrue(base64.b64decode(token).startswith(b"AWS:"))
