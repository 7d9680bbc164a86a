from tests.aws import Case, Network


class Namespaces(Case):
    def make(self, name: str, **more) -> str:
        operation = self.servicediscovery.create_http_namespace(Name=name, **more)["OperationId"]
        found = self.servicediscovery.get_operation(OperationId=operation)["Operation"]
        self.assertEqual(found["Status"], "SUCCESS")
        return found["Targets"]["NAMESPACE"]

    def listed(self) -> list[str]:
        filters = [{"Name": "TYPE", "Values": ["HTTP"], "Condition": "EQ"}]
        return [n["Name"] for n in self.servicediscovery.list_namespaces(Filters=filters)["Namespaces"]]

    def test_one_takes_its_time_and_its_name(self):
        self.slowly(0.05)
        wanted: dict = {"Name": "slow", "CreatorRequestId": "t1", "Tags": [{"Key": "a", "Value": "b"}]}
        operation = self.servicediscovery.create_http_namespace(**wanted)["OperationId"]
        self.refused("DuplicateRequest", self.servicediscovery.create_http_namespace, 400, **wanted)
        self.assertNotIn("slow", self.listed())

        def done():
            found = self.servicediscovery.get_operation(OperationId=operation)["Operation"]
            return found["Status"] == "SUCCESS" and found["Targets"]["NAMESPACE"]

        namespace = self.until(done, "made")
        self.assertIn("slow", self.listed())
        self.refused("NamespaceAlreadyExists", self.servicediscovery.create_http_namespace, 400, **wanted)
        arn = self.servicediscovery.get_namespace(Id=namespace)["Namespace"]["Arn"]
        self.assertEqual(self.servicediscovery.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "a", "Value": "b"}])
        self.servicediscovery.delete_namespace(Id=namespace)
        self.refused("DuplicateRequest", self.servicediscovery.delete_namespace, 400, Id=namespace)
        self.until(lambda: "slow" not in self.listed(), "gone")
        self.refused("NamespaceNotFound", self.servicediscovery.delete_namespace, 400, Id=namespace)

    def test_one_with_services_stays(self):
        namespace = self.make("kept")
        service = self.servicediscovery.create_service(Name="s", NamespaceId=namespace)["Service"]["Id"]
        self.refused("ServiceAlreadyExists", self.servicediscovery.create_service, 400, Name="s", NamespaceId=namespace)
        filters = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
        self.assertEqual([s["InstanceCount"] for s in self.servicediscovery.list_services(Filters=filters)["Services"]], [0])
        self.refused("ResourceInUse", self.servicediscovery.delete_namespace, 400, Id=namespace)
        self.servicediscovery.register_instance(ServiceId=service, InstanceId="i", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.1"})
        self.refused("ResourceInUse", self.servicediscovery.delete_service, 400, Id=service)
        self.servicediscovery.deregister_instance(ServiceId=service, InstanceId="i")
        self.servicediscovery.delete_service(Id=service)
        self.servicediscovery.delete_namespace(Id=namespace)


class Connected(Case):
    """ECS Service Connect."""

    def setUp(self):
        super().setUp()
        operation = self.servicediscovery.create_http_namespace(Name=f"connected-{self.id()}")["OperationId"]
        self.namespace = self.servicediscovery.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
        self.arn = self.servicediscovery.get_namespace(Id=self.namespace)["Namespace"]["Arn"]
        self.network = Network(self)
        self.cluster = f"connected-{len(self.id())}"
        self.ecs.create_cluster(clusterName=self.cluster)
        self.task = self.define("server", portMappings=[{"containerPort": 80, "name": "server", "appProtocol": "http"}])

    def define(self, family: str, **more) -> str:
        container = {"name": "c", "image": "nginx", "essential": True} | more
        return self.ecs.register_task_definition(
            family=family,
            cpu="256",
            memory="512",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[container],
        )["taskDefinition"]["taskDefinitionArn"]

    def service(self, name: str, connect: dict, task: str | None = None) -> dict:
        network = {"awsvpcConfiguration": {"subnets": self.network.private}}
        return self.ecs.create_service(
            cluster=self.cluster,
            serviceName=name,
            taskDefinition=task or self.task,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=network,
            serviceConnectConfiguration=connect,
        )["service"]

    def offer(self, **more) -> dict:
        offered = {
            "portName": "server",
            "clientAliases": [{"port": 80, "dnsName": "server"}],
            "timeout": {"perRequestTimeoutSeconds": 0},
        } | more
        return {"enabled": True, "namespace": self.arn, "services": [offered]}

    def test_what_a_deployment_tells(self):
        view = self.service("server", self.offer())
        self.assertNotIn("serviceConnectConfiguration", view)
        told = view["deployments"][0]
        self.assertEqual(told["serviceConnectConfiguration"]["services"][0]["portName"], "server")
        self.assertEqual(told["serviceConnectResources"][0]["discoveryName"], "server")
        client = self.service("client", {"enabled": True, "namespace": self.arn}, self.define("client"))
        self.assertEqual(client["deployments"][0]["serviceConnectConfiguration"]["namespace"], self.arn)
        self.refused("ResourceInUse", self.servicediscovery.delete_namespace, 400, Id=self.namespace)
        answer = self.ecs.update_service(cluster=self.cluster, service="server", serviceConnectConfiguration={"enabled": False})
        off = answer["service"]
        self.assertEqual(len(off["deployments"]), 2, "a change of it starts new tasks")
        self.assertEqual(off["deployments"][0]["serviceConnectConfiguration"], {"enabled": False})

    def test_what_is_refused(self):
        def refused(connect: dict, says: str, code: str = "InvalidParameterException") -> None:
            self.refused(code, lambda **_: self.service("refused", connect), 400, says)

        refused({"enabled": True}, "namespace")
        refused(self.offer() | {"namespace": "not-there"}, "namespace", "NamespaceNotFoundException")
        refused(self.offer(portName="other"), "portName other")
        refused(self.offer(clientAliases=[]), "one client alias")
        plain = self.define("plain", portMappings=[{"containerPort": 80, "name": "server"}])
        self.refused(
            "InvalidParameterException", lambda **_: self.service("refused", self.offer(), plain), 400, "perRequestTimeout"
        )
        self.service("first", self.offer())
        refused(self.offer(discoveryName="again"), "client alias")
