from tests.aws import Case


def config(name: str, **more) -> dict:
    origin = {"Id": "app", "DomainName": "app.example.com", "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}}
    behavior = {"TargetOriginId": "app", "ViewerProtocolPolicy": "redirect-to-https", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
    return {"CallerReference": name, "Comment": name, "Enabled": True, "Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behavior} | more


class Distributions(Case):
    def create(self, name: str, **more) -> dict:
        tags = {"Items": [{"Key": "stack:key", "Value": name}]}
        return self.cloudfront.create_distribution_with_tags(DistributionConfigWithTags={"DistributionConfig": config(name, **more), "Tags": tags})

    def test_update_and_delete_want_the_right_version_and_a_disabled_distribution(self):
        self.slowly(0.002)
        made = self.create("life")
        name, old = made["Distribution"]["Id"], made["ETag"]
        status = lambda: self.cloudfront.get_distribution(Id=name)["Distribution"]["Status"]  # noqa: E731
        self.assertEqual((made["Distribution"]["Status"], status()), ("InProgress", "InProgress"))
        self.until(lambda: status() == "Deployed", "deployed")
        self.refused("DistributionNotDisabled", self.cloudfront.delete_distribution, 409, Id=name, IfMatch=old)
        read = self.cloudfront.get_distribution_config(Id=name)
        off = read["DistributionConfig"] | {"Enabled": False}
        self.refused("PreconditionFailed", self.cloudfront.update_distribution, 412, Id=name, IfMatch="EWRONG", DistributionConfig=off)
        self.refused("InvalidIfMatchVersion", self.cloudfront.update_distribution, 400, Id=name, DistributionConfig=off)
        new = self.cloudfront.update_distribution(Id=name, IfMatch=read["ETag"], DistributionConfig=off)["ETag"]
        self.assertNotEqual(new, old)
        self.refused("DistributionNotDisabled", self.cloudfront.delete_distribution, 409, Id=name, IfMatch=new)  # not everywhere yet
        self.until(lambda: status() == "Deployed", "deployed")
        self.refused("PreconditionFailed", self.cloudfront.delete_distribution, 412, Id=name, IfMatch=old)
        self.cloudfront.delete_distribution(Id=name, IfMatch=new)
        self.refused("NoSuchDistribution", self.cloudfront.get_distribution, 404, Id=name)

    def test_a_caller_reference_is_used_once(self):
        made = self.create("reference")["Distribution"]
        self.assertEqual(self.create("reference")["Distribution"]["Id"], made["Id"])
        self.refused("DistributionAlreadyExists", self.create, 409, name="reference", PriceClass="PriceClass_100")

    def test_it_reads_back_as_written(self):
        certificate = {"ACMCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/c", "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
        static = {"PathPattern": "/static/*", "TargetOriginId": "app", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
        made = self.create("written", Aliases={"Quantity": 1, "Items": ["www.example.com"]}, ViewerCertificate=certificate, CacheBehaviors={"Quantity": 1, "Items": [static]})
        read = self.cloudfront.get_distribution_config(Id=made["Distribution"]["Id"])["DistributionConfig"]
        self.assertEqual(read["Aliases"]["Items"], ["www.example.com"])
        self.assertEqual(read["ViewerCertificate"], certificate)
        self.assertEqual({field: read["CacheBehaviors"]["Items"][0][field] for field in static}, static)
        self.assertNotIn("ForwardedValues", read["DefaultCacheBehavior"])
        listed = self.cloudfront.list_distributions()["DistributionList"]["Items"]
        self.assertIn(made["Distribution"]["Id"], [item["Id"] for item in listed])
        self.refused("CNAMEAlreadyExists", self.create, 409, name="other", Aliases={"Quantity": 1, "Items": ["www.example.com"]})

    def test_tags(self):
        arn = self.create("tags")["Distribution"]["ARN"]
        self.cloudfront.tag_resource(Resource=arn, Tags={"Items": [{"Key": "more", "Value": "x"}]})
        self.cloudfront.untag_resource(Resource=arn, TagKeys={"Items": ["stack:key"]})
        self.assertEqual(self.cloudfront.list_tags_for_resource(Resource=arn)["Tags"]["Items"], [{"Key": "more", "Value": "x"}])

    def test_an_origin_access_control_in_use(self):
        wanted = {"Name": "own", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"}
        made = self.cloudfront.create_origin_access_control(OriginAccessControlConfig=wanted)
        oac = made["OriginAccessControl"]["Id"]
        self.refused("OriginAccessControlAlreadyExists", self.cloudfront.create_origin_access_control, 409, OriginAccessControlConfig=wanted)
        self.assertEqual(self.cloudfront.get_origin_access_control_config(Id=oac)["OriginAccessControlConfig"], wanted)
        origins = config("oac")["Origins"]
        origins["Items"][0]["OriginAccessControlId"] = oac
        name = self.create("oac", Origins=origins)["Distribution"]["Id"]
        self.refused("OriginAccessControlInUse", self.cloudfront.delete_origin_access_control, 409, Id=oac, IfMatch=made["ETag"])
        read = self.cloudfront.get_distribution_config(Id=name)
        off = self.cloudfront.update_distribution(Id=name, IfMatch=read["ETag"], DistributionConfig=read["DistributionConfig"] | {"Enabled": False})
        self.cloudfront.delete_distribution(Id=name, IfMatch=off["ETag"])
        self.cloudfront.delete_origin_access_control(Id=oac, IfMatch=made["ETag"])

    def test_a_cache_policy(self):
        keys = {"EnableAcceptEncodingGzip": True, "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "none"}}
        made = self.cloudfront.create_cache_policy(CachePolicyConfig={"Name": "own", "MinTTL": 1, "ParametersInCacheKeyAndForwardedToOrigin": keys})
        listed = self.cloudfront.list_cache_policies(Type="custom")["CachePolicyList"]["Items"]
        self.assertEqual([item["CachePolicy"]["CachePolicyConfig"]["Name"] for item in listed], ["own"])
        self.cloudfront.delete_cache_policy(Id=made["CachePolicy"]["Id"], IfMatch=made["ETag"])
        self.refused("NoSuchCachePolicy", self.cloudfront.get_cache_policy, 404, Id=made["CachePolicy"]["Id"])

    def test_an_invalidation(self):
        self.slowly(0.002)
        name = self.create("invalid")["Distribution"]["Id"]
        made = self.cloudfront.create_invalidation(DistributionId=name, InvalidationBatch={"CallerReference": "i", "Paths": {"Quantity": 1, "Items": ["/*"]}})["Invalidation"]
        self.assertEqual(made["Status"], "InProgress")
        self.until(lambda: self.cloudfront.get_invalidation(DistributionId=name, Id=made["Id"])["Invalidation"]["Status"] == "Completed", "completed")
