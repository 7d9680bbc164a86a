import time

from tests.aws import Case


class Certificates(Case):
    def request(self, domain: str, **more) -> str:
        return self.acm.request_certificate(DomainName=domain, ValidationMethod="DNS", **more)["CertificateArn"]

    def status(self, arn: str) -> str:
        return self.acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]

    def test_issued_at_once_when_the_domain_is_elsewhere(self):
        arn = self.request("www.elsewhere.example")
        self.assertEqual(self.status(arn), "ISSUED")
        self.acm.delete_certificate(CertificateArn=arn)
        self.refused("ResourceNotFoundException", self.acm.describe_certificate, 400, CertificateArn=arn)

    def test_pending_until_the_record_is_in_our_zone(self):
        zone = self.route53.create_hosted_zone(Name="proven.example", CallerReference=str(time.time()))["HostedZone"]["Id"]
        arn = self.request("www.proven.example", SubjectAlternativeNames=["*.www.proven.example"])
        self.assertEqual(self.status(arn), "PENDING_VALIDATION")
        self.assertEqual(self.status(arn), "PENDING_VALIDATION")
        options = self.acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        records = {(o["ResourceRecord"]["Name"], o["ResourceRecord"]["Value"]) for o in options}
        self.assertEqual(len(records), 1, "a name and its wildcard have the same record")
        name, value = records.pop()
        record = {"Name": name, "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": value}]}

        def change(action):
            batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
            self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

        change("UPSERT")
        self.assertEqual(self.status(arn), "ISSUED")
        change("DELETE")
        self.assertEqual(self.status(arn), "ISSUED", "only a renewal would miss it")

    def test_one_in_use_is_not_deleted(self):
        arn = self.request("used.elsewhere.example")
        self.assertEqual(self.status(arn), "ISSUED")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for n, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        balancer = self.elbv2.create_load_balancer(Name="certified", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        wanted = {
            "LoadBalancerArn": balancer,
            "Protocol": "HTTPS",
            "Port": 443,
            "Certificates": [{"CertificateArn": arn}],
            "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        }
        self.refused("CertificateNotFound", self.elbv2.create_listener, 400, **wanted)
        listener = self.elbv2.create_listener(**wanted)["Listeners"][0]["ListenerArn"]
        self.assertEqual(self.acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"], [balancer])
        self.refused("ResourceInUseException", self.acm.delete_certificate, 400, CertificateArn=arn)
        self.elbv2.delete_listener(ListenerArn=listener)
        self.acm.delete_certificate(CertificateArn=arn)

    def test_a_token_is_forgotten_with_its_certificate(self):
        first = self.request("again.elsewhere.example", IdempotencyToken="t1")
        self.assertEqual(self.request("again.elsewhere.example", IdempotencyToken="t1"), first)
        self.acm.delete_certificate(CertificateArn=first)
        self.assertNotEqual(self.request("again.elsewhere.example", IdempotencyToken="t1"), first)
