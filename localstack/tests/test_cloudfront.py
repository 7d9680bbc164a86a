from tests.aws import Case


def config(name: str, **more) -> dict:
    origin = {
        "Id": "app",
        "DomainName": "app.example.com",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    behavior = {
        "TargetOriginId": "app",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    }
    return {
        "CallerReference": name,
        "Comment": name,
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behavior,
    } | more


class Distributions(Case):
    def create(self, name: str, **more) -> dict:
        tags = {"Items": [{"Key": "stack:key", "Value": name}]}
        return self.cloudfront.create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": config(name, **more), "Tags": tags}
        )

    def test_update_needs_the_etag_and_delete_disabling(self):
        self.slowly(0.002)
        made = self.create("life")
        name, old = made["Distribution"]["Id"], made["ETag"]
        status = lambda: self.cloudfront.get_distribution(Id=name)["Distribution"]["Status"]
        self.assertEqual((made["Distribution"]["Status"], status()), ("InProgress", "InProgress"))
        self.until(lambda: status() == "Deployed", "deployed")
        self.refused("DistributionNotDisabled", self.cloudfront.delete_distribution, 409, Id=name, IfMatch=old)
        read = self.cloudfront.get_distribution_config(Id=name)
        off = read["DistributionConfig"] | {"Enabled": False}
        self.refused(
            "PreconditionFailed", self.cloudfront.update_distribution, 412, Id=name, IfMatch="EWRONG", DistributionConfig=off
        )
        self.refused("InvalidIfMatchVersion", self.cloudfront.update_distribution, 400, Id=name, DistributionConfig=off)
        new = self.cloudfront.update_distribution(Id=name, IfMatch=read["ETag"], DistributionConfig=off)["ETag"]
        self.assertNotEqual(new, old)
        # Not everywhere yet.
        self.refused("DistributionNotDisabled", self.cloudfront.delete_distribution, 409, Id=name, IfMatch=new)
        self.until(lambda: status() == "Deployed", "deployed")
        self.refused("PreconditionFailed", self.cloudfront.delete_distribution, 412, Id=name, IfMatch=old)
        self.cloudfront.delete_distribution(Id=name, IfMatch=new)
        self.refused("NoSuchDistribution", self.cloudfront.get_distribution, 404, Id=name)

    def end(self, name: str) -> None:
        read = self.cloudfront.get_distribution_config(Id=name)
        off = self.cloudfront.update_distribution(
            Id=name, IfMatch=read["ETag"], DistributionConfig=read["DistributionConfig"] | {"Enabled": False}
        )
        self.cloudfront.delete_distribution(Id=name, IfMatch=off["ETag"])

    def test_a_caller_reference_is_used_up_for_ever(self):
        made = self.create("reference")["Distribution"]["Id"]
        self.refused("DistributionAlreadyExists", self.create, 409, says=f"Already exists: {made}", name="reference")
        self.refused("DistributionAlreadyExists", self.create, 409, says=made, name="reference", PriceClass="PriceClass_100")
        self.end(made)
        self.refused("DistributionAlreadyExists", self.create, 409, says=made, name="reference")

    def test_what_it_refers_to_must_be_there(self):
        behavior = config("x")["DefaultCacheBehavior"]
        nobodys = "00000000-0000-0000-0000-000000000000"
        for kind in ("CachePolicy", "OriginRequestPolicy", "ResponseHeadersPolicy"):
            self.refused(f"NoSuch{kind}", self.create, 404, name=kind, DefaultCacheBehavior=behavior | {f"{kind}Id": nobodys})
        self.refused("NoSuchOrigin", self.create, 404, name="origin", DefaultCacheBehavior=behavior | {"TargetOriginId": "other"})
        self.refused(
            "InvalidArgument",
            self.create,
            400,
            name="none",
            DefaultCacheBehavior={k: v for k, v in behavior.items() if k != "CachePolicyId"},
        )
        self.refused("InconsistentQuantities", self.create, 400, name="count", Aliases={"Quantity": 1})
        origins = config("x")["Origins"]
        origins["Items"][0]["OriginAccessControlId"] = "ENOBODYS"
        self.refused("InvalidOriginAccessControl", self.create, 400, name="control", Origins=origins)
        origins = {"Quantity": 1, "Items": [{"Id": "app", "DomainName": "app.example.com"}]}
        self.refused("InvalidOrigin", self.create, 400, name="no-config", Origins=origins)
        two = [behavior | {"PathPattern": "/a/*"}] * 2
        self.refused("InvalidArgument", self.create, 400, name="twice", CacheBehaviors={"Quantity": 2, "Items": two})

    def test_aliases_need_a_certificate_in_us_east_1(self):
        aliases = {"Quantity": 1, "Items": ["alias.example.com"]}
        self.refused("InvalidViewerCertificate", self.create, 400, name="bare", Aliases=aliases)
        far = {"ACMCertificateArn": "arn:aws:acm:eu-west-1:000000000000:certificate/c", "SSLSupportMethod": "sni-only"}
        self.refused("InvalidViewerCertificate", self.create, 400, name="far", Aliases=aliases, ViewerCertificate=far)

    def test_conflicts_are_listed_only_with_a_certificate(self):
        served = {"ACMCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/c", "SSLSupportMethod": "sni-only"}
        named = lambda *names: {"Aliases": {"Quantity": len(names), "Items": list(names)}, "ViewerCertificate": served}
        taken = self.create("taken", **named("www.taken.example"))["Distribution"]["Id"]
        mine = self.create("mine", **named("*.taken.example"))["Distribution"]["Id"]
        listed = lambda alias, of: [
            (item["Alias"], item["DistributionId"][-6:])
            for item in self.cloudfront.list_conflicting_aliases(DistributionId=of, Alias=alias)["ConflictingAliasesList"].get(
                "Items", []
            )
        ]
        self.assertEqual(listed("www.taken.example", mine), [("www.taken.example", taken[-6:])])
        self.assertEqual(listed("*.taken.example", taken), [("*.taken.example", mine[-6:])])
        self.assertEqual(listed("www.free.example", mine), [])
        self.refused(
            "InvalidArgument",
            self.cloudfront.list_conflicting_aliases,
            400,
            DistributionId=self.create("no-names")["Distribution"]["Id"],
            Alias="www.taken.example",
        )
        self.refused(
            "NoSuchDistribution", self.cloudfront.list_conflicting_aliases, 404, DistributionId="E0", Alias="www.taken.example"
        )

    def test_logs_go_to_a_bucket_with_access_lists(self):
        s3 = self.server.client("s3")
        logging = lambda bucket: {"Enabled": True, "IncludeCookies": False, "Bucket": bucket, "Prefix": "x/"}
        self.refused("InvalidArgument", self.create, 400, name="logs-nowhere", Logging=logging("nowhere.s3.amazonaws.com"))
        s3.create_bucket(Bucket="cf-logs-enforced")
        self.refused(
            "InvalidArgument",
            self.create,
            400,
            says="does not enable ACL access",
            name="logs-enforced",
            Logging=logging("cf-logs-enforced.s3.amazonaws.com"),
        )
        s3.create_bucket(Bucket="cf-logs", ObjectOwnership="BucketOwnerPreferred")
        made = self.create("logs", Logging=logging("cf-logs"))["Distribution"]
        self.assertEqual(made["DistributionConfig"]["Logging"]["Bucket"], "cf-logs.s3.amazonaws.com")

    def test_lists_have_pages(self):
        made = {self.create(f"page-{n}")["Distribution"]["Id"] for n in range(3)}
        pages = list(self.cloudfront.get_paginator("list_distributions").paginate(PaginationConfig={"PageSize": 2}))
        self.assertTrue(all(len(each["DistributionList"]["Items"]) <= 2 for each in pages))
        seen = [item["Id"] for each in pages for item in each["DistributionList"]["Items"]]
        self.assertTrue(made <= set(seen))
        self.assertEqual(len(seen), len(set(seen)))

    def test_it_reads_back_as_written(self):
        certificate = {
            "ACMCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/c",
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        }
        static = {
            "PathPattern": "/static/*",
            "TargetOriginId": "app",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        }
        made = self.create(
            "written",
            Aliases={"Quantity": 1, "Items": ["www.example.com"]},
            ViewerCertificate=certificate,
            CacheBehaviors={"Quantity": 1, "Items": [static]},
        )
        read = self.cloudfront.get_distribution_config(Id=made["Distribution"]["Id"])["DistributionConfig"]
        self.assertEqual(read["Aliases"]["Items"], ["www.example.com"])
        self.assertEqual({field: read["ViewerCertificate"][field] for field in certificate}, certificate)
        self.assertEqual({field: read["CacheBehaviors"]["Items"][0][field] for field in static}, static)
        self.assertNotIn("ForwardedValues", read["DefaultCacheBehavior"])
        listed = self.cloudfront.list_distributions()["DistributionList"]["Items"]
        self.assertIn(made["Distribution"]["Id"], [item["Id"] for item in listed])
        self.refused(
            "CNAMEAlreadyExists",
            self.create,
            409,
            name="other",
            Aliases={"Quantity": 1, "Items": ["www.example.com"]},
            ViewerCertificate=certificate,
        )
        plain = self.create("plain")["Distribution"]["DistributionConfig"]
        self.assertEqual(
            (plain["ViewerCertificate"]["CloudFrontDefaultCertificate"], plain["ViewerCertificate"]["MinimumProtocolVersion"]),
            (True, "TLSv1"),
        )

    def test_tags(self):
        arn = self.create("tags")["Distribution"]["ARN"]
        self.cloudfront.tag_resource(Resource=arn, Tags={"Items": [{"Key": "more", "Value": "x"}]})
        self.cloudfront.untag_resource(Resource=arn, TagKeys={"Items": ["stack:key"]})
        self.assertEqual(self.cloudfront.list_tags_for_resource(Resource=arn)["Tags"]["Items"], [{"Key": "more", "Value": "x"}])

    def test_an_origin_access_control_in_use(self):
        wanted = {"Name": "own", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"}
        made = self.cloudfront.create_origin_access_control(OriginAccessControlConfig=wanted)
        oac = made["OriginAccessControl"]["Id"]
        self.refused(
            "OriginAccessControlAlreadyExists",
            self.cloudfront.create_origin_access_control,
            409,
            OriginAccessControlConfig=wanted,
        )
        self.assertEqual(self.cloudfront.get_origin_access_control_config(Id=oac)["OriginAccessControlConfig"], wanted)
        origins = config("oac")["Origins"]
        origins["Items"][0]["OriginAccessControlId"] = oac
        name = self.create("oac", Origins=origins)["Distribution"]["Id"]
        self.refused("OriginAccessControlInUse", self.cloudfront.delete_origin_access_control, 409, Id=oac, IfMatch=made["ETag"])
        self.end(name)
        self.refused("InvalidIfMatchVersion", self.cloudfront.delete_origin_access_control, 400, Id=oac)
        self.refused("PreconditionFailed", self.cloudfront.delete_origin_access_control, 412, Id=oac, IfMatch="EWRONG")
        self.cloudfront.delete_origin_access_control(Id=oac, IfMatch=made["ETag"])

    def test_a_cache_policy(self):
        keys = {
            "EnableAcceptEncodingGzip": True,
            "HeadersConfig": {"HeaderBehavior": "none"},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
        }
        made = self.cloudfront.create_cache_policy(
            CachePolicyConfig={"Name": "own", "MinTTL": 1, "ParametersInCacheKeyAndForwardedToOrigin": keys}
        )
        listed = self.cloudfront.list_cache_policies(Type="custom")["CachePolicyList"]["Items"]
        self.assertEqual([item["CachePolicy"]["CachePolicyConfig"]["Name"] for item in listed], ["own"])
        self.cloudfront.delete_cache_policy(Id=made["CachePolicy"]["Id"], IfMatch=made["ETag"])
        self.refused("NoSuchCachePolicy", self.cloudfront.get_cache_policy, 404, Id=made["CachePolicy"]["Id"])

    def test_managed_policies_are_everybodys_and_nobodys(self):
        listed = self.cloudfront.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]
        names = {item["CachePolicy"]["Id"]: item["CachePolicy"]["CachePolicyConfig"]["Name"] for item in listed}
        disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        self.assertEqual(names[disabled], "Managed-CachingDisabled")
        read = self.cloudfront.get_cache_policy(Id=disabled)
        self.refused("AccessDenied", self.cloudfront.delete_cache_policy, 403, Id=disabled, IfMatch=read["ETag"])

    def test_invalidations_are_asked_for_once(self):
        name = self.create("once")["Distribution"]["Id"]
        ask = lambda paths, reference="r": self.cloudfront.create_invalidation(
            DistributionId=name,
            InvalidationBatch={"CallerReference": reference, "Paths": {"Quantity": len(paths), "Items": paths}},
        )
        first = ask(["/a"])["Invalidation"]["Id"]
        self.assertEqual(ask(["/a"])["Invalidation"]["Id"], first)
        self.refused("InvalidArgument", ask, 400, paths=["/b"])
        self.refused("InvalidArgument", ask, 400, paths=["b"], reference="s")
        self.refused("InvalidArgument", ask, 400, paths=["/*b"], reference="s")
        self.assertNotEqual(ask(["/a"], "s")["Invalidation"]["Id"], first)

    def test_an_invalidation(self):
        self.slowly(0.002)
        name = self.create("invalid")["Distribution"]["Id"]
        made = self.cloudfront.create_invalidation(
            DistributionId=name, InvalidationBatch={"CallerReference": "i", "Paths": {"Quantity": 1, "Items": ["/*"]}}
        )["Invalidation"]
        self.assertEqual(made["Status"], "InProgress")
        self.until(
            lambda: self.cloudfront.get_invalidation(DistributionId=name, Id=made["Id"])["Invalidation"]["Status"] == "Completed",
            "completed",
        )
