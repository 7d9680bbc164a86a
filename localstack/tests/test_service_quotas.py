from tests.aws import Case

VPCS = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}


class ServiceQuotas(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.server.quotas, "none")

    def value(self, call, **arguments) -> float:
        return call(**arguments)["Quota"]["Value"]

    def test_the_applied_quota_is_what_was_granted(self):
        self.assertEqual(self.value(self.servicequotas.get_service_quota, **VPCS), 10_000)
        self.server.quotas({"networks": 7})
        self.assertEqual(self.value(self.servicequotas.get_service_quota, **VPCS), 7)
        self.assertEqual(self.value(self.servicequotas.get_aws_default_service_quota, **VPCS), 5)
        self.server.quotas("aws")
        self.assertEqual(self.value(self.servicequotas.get_service_quota, ServiceCode="fargate", QuotaCode="L-3032A538"), 6)

    def test_all_quotas_of_a_service_are_listed_by_pages(self):
        self.server.quotas("aws")
        pages = list(
            self.servicequotas.get_paginator("list_service_quotas").paginate(ServiceCode="vpc", PaginationConfig={"PageSize": 10})
        )
        self.assertGreater(len(pages), 1)
        values = {quota["QuotaCode"]: quota["Value"] for page in pages for quota in page["Quotas"]}
        self.assertEqual({values[code] for code in ("L-F678F1CE", "L-A4707A72", "L-FE5A380F")}, {5})
        defaults = self.servicequotas.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]
        self.assertEqual({quota["QuotaCode"] for quota in defaults}, set(values))

    def test_what_there_is_not(self):
        for call in (self.servicequotas.get_service_quota, self.servicequotas.get_aws_default_service_quota):
            self.refused("NoSuchResourceException", call, 400, ServiceCode="vpc", QuotaCode="L-00000000")
            self.refused("NoSuchResourceException", call, 400, ServiceCode="none", QuotaCode="L-F678F1CE")
        self.refused("NoSuchResourceException", self.servicequotas.list_service_quotas, 400, ServiceCode="none")
