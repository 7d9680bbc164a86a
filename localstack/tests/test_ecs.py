import json
from typing import ClassVar

from tests.aws import Case
from tests.test_elbv2 import Balancer

ROLE = "arn:aws:iam::000000000000:role/execution"


class Cluster:
    """A cluster, a balancer and what it takes to run a service behind it."""

    def __init__(self, case: Case, name: str):
        self.case, self.name, self.ecs = case, name, case.ecs
        self.ecs.create_cluster(
            clusterName=name, capacityProviders=["FARGATE", "FARGATE_SPOT"], tags=[{"key": "a", "value": "b"}]
        )
        self.balancer = Balancer(case, name)
        self.net = self.balancer.net
        self.group = self.net.group("service")

    def register(self, image: str = "nginx:1", family: str | None = None, **more) -> str:
        container = {"name": "web", "image": image, "portMappings": [{"containerPort": 8080}]}
        arguments = {
            "family": family or self.name,
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
        }
        answer = self.ecs.register_task_definition(**arguments | {"containerDefinitions": [container]} | more)
        return answer["taskDefinition"]["taskDefinitionArn"]

    def arguments(self, service: str = "web", **more) -> dict:
        network = {
            "awsvpcConfiguration": {"subnets": self.net.private, "securityGroups": [self.group], "assignPublicIp": "DISABLED"}
        }
        return {
            "cluster": self.name,
            "serviceName": service,
            "taskDefinition": self.name,
            "desiredCount": 2,
            "launchType": "FARGATE",
            "networkConfiguration": network,
            "loadBalancers": [{"targetGroupArn": self.balancer.target, "containerName": "web", "containerPort": 8080}],
        } | more

    def create(self, service: str = "web", **more) -> dict:
        return self.ecs.create_service(**self.arguments(service, **more))["service"]

    def look(self, service: str = "web", **more) -> dict:
        return self.ecs.describe_services(cluster=self.name, services=[service], **more)["services"][0]

    def update(self, service: str = "web", **more) -> dict:
        return self.ecs.update_service(cluster=self.name, service=service, **more)["service"]

    def delete(self, service: str = "web") -> None:
        self.ecs.delete_service(cluster=self.name, service=service, force=True)


class Clusters(Case):
    def test_until_it_is_empty(self):
        c = Cluster(self, "full")
        c.register()
        c.create()
        self.refused("ClusterContainsServicesException", self.ecs.delete_cluster, 400, cluster="full")
        c.delete()
        self.assertEqual(c.look()["status"], "INACTIVE")
        self.assertEqual(self.ecs.delete_cluster(cluster="full")["cluster"]["status"], "INACTIVE")
        self.refused("ClusterNotFoundException", self.ecs.delete_cluster, cluster="full")
        self.refused("ClusterNotFoundException", self.ecs.create_service, **c.arguments("later"))

    def test_settings_providers_and_tags_read_back(self):
        name = "settings"
        first = self.ecs.create_cluster(clusterName=name, settings=[{"name": "containerInsights", "value": "enabled"}])["cluster"]
        self.assertEqual(self.ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"], first["clusterArn"])
        self.ecs.update_cluster_settings(cluster=name, settings=[{"name": "containerInsights", "value": "enhanced"}])
        strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]
        self.ecs.put_cluster_capacity_providers(
            cluster=name, capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy
        )
        self.ecs.tag_resource(resourceArn=first["clusterArn"], tags=[{"key": "stack:key", "value": "c"}])
        now = self.ecs.describe_clusters(clusters=[name], include=["SETTINGS", "TAGS"])["clusters"][0]
        self.assertEqual(now["settings"], [{"name": "containerInsights", "value": "enhanced"}])
        self.assertEqual(
            (now["capacityProviders"], now["defaultCapacityProviderStrategy"]), (["FARGATE", "FARGATE_SPOT"], strategy)
        )
        self.assertEqual(now["tags"], [{"key": "stack:key", "value": "c"}])
        self.refused(
            "InvalidParameterException",
            self.ecs.put_cluster_capacity_providers,
            cluster=name,
            capacityProviders=["NONE"],
            defaultCapacityProviderStrategy=[],
        )
        self.assertEqual(self.ecs.describe_clusters(clusters=["no-such"])["failures"][0]["reason"], "MISSING")

    def test_a_provider_in_use_stays(self):
        c = Cluster(self, "provider")
        c.register()
        arguments = c.arguments(capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
        del arguments["launchType"]
        self.ecs.create_service(**arguments)
        drop: dict = {"cluster": "provider", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}
        self.refused("ResourceInUseException", self.ecs.put_cluster_capacity_providers, **drop)
        c.delete()
        self.ecs.put_cluster_capacity_providers(**drop)


class TaskDefinitions(Case):
    def test_revisions_and_defaults(self):
        c = Cluster(self, "revisions")
        one, two = c.register(), c.register("nginx:2")
        self.assertTrue(one.endswith(":1") and two.endswith(":2"))
        latest = self.ecs.describe_task_definition(taskDefinition="revisions")["taskDefinition"]
        self.assertEqual(latest["taskDefinitionArn"], two)
        container = latest["containerDefinitions"][0]
        self.assertEqual(container["portMappings"], [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}])
        self.assertEqual((container["cpu"], container["essential"], container["environment"]), (0, True, []))
        self.ecs.deregister_task_definition(taskDefinition=two)
        self.assertEqual(
            self.ecs.describe_task_definition(taskDefinition="revisions")["taskDefinition"]["taskDefinitionArn"], one
        )
        self.assertEqual(self.ecs.describe_task_definition(taskDefinition=two)["taskDefinition"]["status"], "INACTIVE")
        self.refused("ClientException", self.ecs.describe_task_definition, taskDefinition="revisions:9")

    def test_only_inactive_ones_are_deleted(self):
        c = Cluster(self, "delete")
        arn = c.register()
        listed = lambda status: self.ecs.list_task_definitions(familyPrefix="delete", status=status)["taskDefinitionArns"]
        failures = self.ecs.delete_task_definitions(taskDefinitions=[arn])["failures"]
        self.assertIn("still in ACTIVE status", failures[0]["reason"])
        self.assertEqual(listed("ACTIVE"), [arn])
        self.ecs.deregister_task_definition(taskDefinition=arn)
        self.assertEqual((listed("ACTIVE"), listed("INACTIVE")), ([], [arn]))
        self.assertEqual(self.ecs.delete_task_definitions(taskDefinitions=[arn])["failures"], [])
        self.assertEqual(listed("INACTIVE"), [])
        self.assertTrue(c.register().endswith(":2"))  # a number is never given twice

    def test_sizes_that_fargate_has(self):
        c = Cluster(self, "sizes")
        for cpu, memory in (
            ("256", "512"),
            ("256", "1024"),
            ("256", "2048"),
            ("512", "4096"),
            (".5 vCPU", "1 GB"),
            ("4096", "30720"),
            ("16384", "122880"),
        ):
            c.register(cpu=cpu, memory=memory)
        for cpu, memory in (("256", "4096"), ("512", "512"), ("300", "512"), ("1024", "2500"), ("16384", "36864")):
            self.refused(
                "ClientException", c.register, 400, "No Fargate configuration exists for given values", cpu=cpu, memory=memory
            )
        self.refused("ClientException", c.register, networkMode="bridge")

    def test_tags(self):
        c = Cluster(self, "tdtags")
        arn = c.register(tags=[{"key": "at", "value": "birth"}])
        self.assertEqual(
            self.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])["tags"], [{"key": "at", "value": "birth"}]
        )
        self.ecs.untag_resource(resourceArn=arn, tagKeys=["at"])
        self.assertEqual(self.ecs.list_tags_for_resource(resourceArn=arn)["tags"], [])
        self.refused("InvalidParameterException", self.ecs.list_tags_for_resource, resourceArn=arn + "0")


class Services(Case):
    def test_it_wants_a_target_group_that_a_listener_uses(self):
        c = Cluster(self, "attached")
        c.register()
        loose = c.balancer.target_group("attached-loose")
        balancers = [{"targetGroupArn": loose, "containerName": "web", "containerPort": 8080}]
        self.refused(
            "InvalidParameterException", c.create, 400, "does not have an associated load balancer", loadBalancers=balancers
        )
        self.elbv2.create_rule(
            ListenerArn=c.balancer.listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/a"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": loose}],
        )
        self.assertEqual(c.create(loadBalancers=balancers)["status"], "ACTIVE")

    def test_what_else_it_refuses(self):
        c = Cluster(self, "refuses")
        c.register()
        network = lambda **changed: {"awsvpcConfiguration": {"subnets": c.net.private, "securityGroups": [c.group]} | changed}
        self.refused("ClientException", c.create, taskDefinition="no-such")
        mistakes: list[dict] = [
            {"networkConfiguration": {}},
            {"networkConfiguration": network(subnets=["subnet-0123456789abcdef0"])},
            {"networkConfiguration": network(securityGroups=["sg-0123456789abcdef0"])},
            {"loadBalancers": [{"targetGroupArn": c.balancer.target, "containerName": "other", "containerPort": 8080}]},
            {"loadBalancers": [{"targetGroupArn": c.balancer.target, "containerName": "web", "containerPort": 81}]},
            {"loadBalancers": [{"targetGroupArn": c.balancer.target + "0", "containerName": "web", "containerPort": 8080}]},
        ]
        for wrong in mistakes:
            with self.subTest(wrong):
                self.refused("InvalidParameterException", c.create, 400, **wrong)
        self.assertEqual(self.ecs.list_services(cluster="refuses")["serviceArns"], [])

    def test_twice_is_once(self):
        c = Cluster(self, "twice-ecs")
        c.register()
        first = c.create(clientToken="one")
        self.assertEqual(c.create(clientToken="one")["serviceArn"], first["serviceArn"])
        self.refused("InvalidParameterException", c.create, 400, "not idempotent", clientToken="one", desiredCount=9)
        self.refused("InvalidParameterException", c.create, 400, "not idempotent", clientToken="two", desiredCount=9)
        self.assertEqual(c.create(clientToken="two")["serviceArn"], first["serviceArn"])
        self.assertEqual(len(self.ecs.list_services(cluster="twice-ecs")["serviceArns"]), 1)

    def test_a_rollout_and_its_tasks(self):
        self.slowly(0.01)
        c = Cluster(self, "rollout")
        c.register()
        made = c.create()
        self.assertEqual((made["runningCount"], made["desiredCount"]), (0, 2))
        self.assertEqual(made["deployments"][0]["rolloutState"], "IN_PROGRESS")
        self.assertNotEqual(c.look()["deployments"][0]["rolloutState"], "COMPLETED")
        self.until(lambda: c.look()["runningCount"] == 2, "running")
        health = lambda: [
            t["TargetHealth"]["State"]
            for t in self.elbv2.describe_target_health(TargetGroupArn=c.balancer.target)["TargetHealthDescriptions"]
        ]
        self.assertEqual(health(), ["initial", "initial"])
        self.assertEqual(c.look()["deployments"][0]["rolloutState"], "IN_PROGRESS")
        self.until(lambda: c.look()["deployments"][0]["rolloutState"] == "COMPLETED", "rolled out")
        self.assertEqual(health(), ["healthy", "healthy"])
        now = c.look()
        self.assertIn("has reached a steady state", now["events"][0]["message"])
        self.assertEqual([d["status"] for d in now["deployments"]], ["PRIMARY"])
        arns = self.ecs.list_tasks(cluster="rollout", serviceName="web")["taskArns"]
        tasks = self.ecs.describe_tasks(cluster="rollout", tasks=arns)["tasks"]
        self.assertEqual([task["lastStatus"] for task in tasks], ["RUNNING", "RUNNING"])
        details = [{d["name"]: d["value"] for d in task["attachments"][0]["details"]} for task in tasks]
        self.assertEqual(sorted(d["subnetId"] for d in details), sorted(c.net.private))  # one in each zone
        answer = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[d["networkInterfaceId"] for d in details])
        held = answer["NetworkInterfaces"]
        self.assertEqual({eni["PrivateIpAddress"] for eni in held}, {d["privateIPv4Address"] for d in details})
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=c.group)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=c.net.private[0])

    def test_an_update_replaces_the_tasks_without_a_gap(self):
        self.slowly(0.005)
        c = Cluster(self, "replace")
        first = c.register()
        c.create()
        done = lambda: [d["rolloutState"] for d in c.look()["deployments"]] == ["COMPLETED"]
        self.until(done, "rolled out")
        second = c.register("nginx:2")
        updated = c.update(taskDefinition=second)
        self.assertEqual(
            [(d["status"], d["taskDefinition"]) for d in updated["deployments"]], [("PRIMARY", second), ("ACTIVE", first)]
        )
        counts = []

        def rolled_out():
            counts.append(c.look()["runningCount"])
            return done()

        self.until(rolled_out, "rolled out")
        self.assertGreaterEqual(min(counts), 2)  # minimumHealthyPercent is 100
        self.assertGreater(max(counts), 2)
        tasks = self.ecs.describe_tasks(cluster="replace", tasks=self.ecs.list_tasks(cluster="replace")["taskArns"])["tasks"]
        self.assertEqual({task["taskDefinitionArn"] for task in tasks}, {second})

    def test_every_field_of_an_update_reads_back(self):
        c = Cluster(self, "fields")
        c.register()
        c.create()
        before = c.look()
        self.assertEqual(before["deploymentConfiguration"]["maximumPercent"], 200)
        wanted: dict = {
            "desiredCount": 3,
            "healthCheckGracePeriodSeconds": 77,
            "enableExecuteCommand": True,
            "enableECSManagedTags": True,
            "propagateTags": "SERVICE",
            "availabilityZoneRebalancing": "DISABLED",
        }
        breaker = {"enable": True, "rollback": True}
        network = {"awsvpcConfiguration": {"subnets": c.net.public, "securityGroups": [c.group], "assignPublicIp": "ENABLED"}}
        c.update(
            **wanted,
            deploymentConfiguration={"deploymentCircuitBreaker": breaker, "minimumHealthyPercent": 50},
            networkConfiguration=network,
        )
        now = c.look()
        self.assertEqual({field: now[field] for field in wanted}, wanted)
        self.assertEqual(now["deploymentConfiguration"]["deploymentCircuitBreaker"], breaker)
        self.assertEqual(
            (now["deploymentConfiguration"]["minimumHealthyPercent"], now["deploymentConfiguration"]["maximumPercent"]), (50, 200)
        )
        self.assertEqual((now["networkConfiguration"], now["runningCount"]), (network, 3))
        deployment = now["deployments"][0]["id"]
        self.assertNotEqual(deployment, before["deployments"][0]["id"])  # the network changed
        self.assertEqual(c.update(desiredCount=1)["deployments"][0]["id"], deployment)  # a count starts no deployment
        self.assertEqual(c.look()["runningCount"], 1)
        self.assertNotEqual(c.update(forceNewDeployment=True)["deployments"][0]["id"], deployment)
        self.refused(
            "InvalidParameterException", c.update, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        )
        c.update(capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}], forceNewDeployment=True)
        self.assertEqual(c.look()["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT")
        self.assertNotIn("launchType", c.look())
        self.refused("ServiceNotFoundException", c.update, service="other", desiredCount=1)

    def test_deleting(self):
        self.slowly(0.01)
        c = Cluster(self, "draining")
        c.register()
        c.create()
        self.until(lambda: c.look()["runningCount"] == 2, "running")
        self.refused(
            "InvalidParameterException", self.ecs.delete_service, 400, "scaled above 0", cluster="draining", service="web"
        )
        c.update(desiredCount=0)
        self.until(lambda: c.look()["runningCount"] == 0, "stopped")
        self.assertEqual(self.ecs.delete_service(cluster="draining", service="web")["service"]["status"], "DRAINING")
        self.assertEqual(c.look()["status"], "DRAINING")
        self.refused("InvalidParameterException", c.create, 400, "still Draining")
        self.refused("ServiceNotActiveException", c.update, desiredCount=1)
        self.until(lambda: c.look()["status"] == "INACTIVE", "inactive")
        self.assertEqual(self.ecs.list_services(cluster="draining")["serviceArns"], [])
        self.refused("ServiceNotFoundException", self.ecs.delete_service, cluster="draining", service="web")
        self.assertEqual(c.create()["status"], "ACTIVE")  # the name is free again

    def test_tags(self):
        c = Cluster(self, "servicetags")
        c.register()
        arn = c.create(tags=[{"key": "at", "value": "birth"}])["serviceArn"]
        self.ecs.tag_resource(resourceArn=arn, tags=[{"key": "more", "value": "x"}])
        self.assertEqual(c.look(include=["TAGS"])["tags"], [{"key": "at", "value": "birth"}, {"key": "more", "value": "x"}])
        self.assertNotIn("tags", c.look())


class Failures(Case):
    breaker: ClassVar = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}

    def test_an_image_that_is_not_there_rolls_back(self):
        c = Cluster(self, "rollback")
        good = c.register()
        c.create(deploymentConfiguration=self.breaker)
        bad = c.register("nginx:does-not-exist")
        c.update(taskDefinition=bad)
        now = c.look()
        self.assertEqual(now["taskDefinition"], good)  # looks stable, and is not what was asked for
        self.assertEqual((now["runningCount"], now["deployments"][0]["rolloutState"]), (2, "COMPLETED"))
        self.assertIn("rollback", now["deployments"][0]["rolloutStateReason"])
        self.assertTrue(any("deployment failed" in event["message"] for event in now["events"]))
        stopped = self.ecs.list_tasks(cluster="rollback", desiredStatus="STOPPED")["taskArns"]
        reasons = [
            task["stoppedReason"]
            for task in self.ecs.describe_tasks(cluster="rollback", tasks=stopped)["tasks"]
            if task["stopCode"] == "TaskFailedToStart"
        ]
        self.assertGreaterEqual(len(reasons), 3)
        self.assertTrue(all(reason.startswith("CannotPullContainerError") for reason in reasons))
        arns = [
            d["serviceDeploymentArn"]
            for d in self.ecs.list_service_deployments(service="web", cluster="rollback")["serviceDeployments"]
        ]
        deployments = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        self.assertEqual([d["status"] for d in deployments], ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL"])
        revision = deployments[1]["targetServiceRevision"]["arn"]
        self.assertEqual(
            self.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]["taskDefinition"], bad
        )

    def test_a_first_deployment_cannot_be_rolled_back(self):
        c = Cluster(self, "first")
        c.register("app:crash")
        c.create(deploymentConfiguration=self.breaker)
        now = c.look()["deployments"][0]
        self.assertEqual((now["status"], now["rolloutState"]), ("PRIMARY", "FAILED"))
        self.assertIn("tasks failed to start", now["rolloutStateReason"])
        self.assertGreaterEqual(now["failedTasks"], 3)
        stopped = self.ecs.list_tasks(cluster="first", desiredStatus="STOPPED")["taskArns"]
        task = self.ecs.describe_tasks(cluster="first", tasks=stopped[:1])["tasks"][0]
        self.assertEqual((task["stopCode"], task["containers"][0]["exitCode"]), ("EssentialContainerExited", 1))

    def test_what_fails_is_reported_to_eventbridge(self):
        queue = self.sqs.create_queue(QueueName="failures")["QueueUrl"]
        self.addCleanup(self.sqs.delete_queue, QueueUrl=queue)
        arn = "arn:aws:sqs:us-east-1:000000000000:failures"
        self.events.put_rule(Name="failures", EventPattern=json.dumps({"source": ["aws.ecs"]}))
        self.events.put_targets(Rule="failures", Targets=[{"Id": "q", "Arn": arn}])
        self.addCleanup(self.events.delete_rule, Name="failures")
        self.addCleanup(self.events.remove_targets, Rule="failures", Ids=["q"])
        c = Cluster(self, "reported")
        c.register("app:crash")
        service = c.create(deploymentConfiguration=self.breaker)["serviceArn"]
        self.until(lambda: c.look()["deployments"][0]["rolloutState"] == "FAILED", "failed")
        seen: list[dict] = []

        def told() -> bool:
            answer = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            seen.extend(json.loads(one["Body"]) for one in answer.get("Messages", []))
            return any(one["detail-type"] == "ECS Deployment State Change" for one in seen) and len(seen) > 3

        self.until(told, "told")
        failure = next(one for one in seen if one["detail-type"] == "ECS Deployment State Change")
        self.assertEqual((failure["source"], failure["resources"]), ("aws.ecs", [service]))
        self.assertEqual(failure["detail"]["eventName"], "SERVICE_DEPLOYMENT_FAILED")
        stop = next(one["detail"] for one in seen if one["detail-type"] == "ECS Task State Change")
        self.assertEqual((stop["stopCode"], stop["group"]), ("EssentialContainerExited", "service:web"))
        self.assertEqual(stop["containers"][0]["exitCode"], 1)

    def test_what_crashes_writes_to_its_log(self):
        logs = self.server.client("logs")
        logs.create_log_group(logGroupName="/crashes")
        c = Cluster(self, "crashes")
        options = {"awslogs-group": "/crashes", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}
        container = {"name": "web", "image": "app:crash", "portMappings": [{"containerPort": 8080}]}
        role = "arn:aws:iam::000000000000:role/crashes"
        c.register(
            "",
            executionRoleArn=role,
            containerDefinitions=[container | {"logConfiguration": {"logDriver": "awslogs", "options": options}}],
        )
        c.create(deploymentConfiguration=self.breaker)
        c.look()
        stopped = self.ecs.list_tasks(cluster="crashes", desiredStatus="STOPPED")["taskArns"]
        streams = [f"web/web/{arn.rsplit('/', 1)[1]}" for arn in stopped]
        events = logs.get_log_events(logGroupName="/crashes", logStreamName=streams[0])["events"]
        self.assertEqual([event["message"] for event in events], ["fatal: this image crashes"])

    def test_without_the_breaker_it_goes_on_trying(self):
        self.slowly(0.005)
        c = Cluster(self, "trying")
        c.register("app:does-not-exist")
        c.create()
        failed = lambda: c.look()["deployments"][0]["failedTasks"]
        self.until(lambda: failed() > 4, "failing")
        self.assertEqual(c.look()["deployments"][0]["rolloutState"], "IN_PROGRESS")
        c.update(taskDefinition=c.register("app:good"))
        self.until(lambda: c.look()["deployments"][0]["rolloutState"] == "COMPLETED", "rolled out")


class OneOff(Case):
    """Tasks of no service: what their command does is acted out."""

    def begin(self, c: Cluster, line: str, **more) -> dict:
        arguments = {
            "cluster": c.name,
            "taskDefinition": c.name,
            "launchType": "FARGATE",
            "networkConfiguration": c.arguments()["networkConfiguration"],
            "overrides": {"containerOverrides": [{"name": "web", "command": ["sh", "-c", line]}]},
        }
        return self.ecs.run_task(**arguments | more)["tasks"][0]

    def look(self, c: Cluster, task: dict) -> dict:
        return self.ecs.describe_tasks(cluster=c.name, tasks=[task["taskArn"]])["tasks"][0]

    def ended(self, c: Cluster, task: dict) -> tuple:
        self.until(lambda: self.look(c, task)["lastStatus"] == "STOPPED", "stopped")
        now = self.look(c, task)
        return now["stopCode"], now["containers"][0]["exitCode"]

    def test_a_command_says_waits_and_ends(self):
        c = Cluster(self, "acted")
        self.logs.create_log_group(logGroupName="/acted")
        options = {"awslogs-group": "/acted", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "pre"}
        logs = {"logDriver": "awslogs", "options": options}
        c.register(executionRoleArn=ROLE, containerDefinitions=[{"name": "web", "image": "app:1", "logConfiguration": logs}])
        task = self.begin(c, "echo ready; sleep 1; echo 'a; b' && exit 3", tags=[{"key": "k", "value": "v"}])
        self.assertEqual((task["lastStatus"], task["tags"]), ("PENDING", [{"key": "k", "value": "v"}]))
        self.assertEqual(self.look(c, task)["lastStatus"], "RUNNING")
        stream = f"pre/web/{task['taskArn'].rsplit('/', 1)[1]}"
        read = lambda: self.logs.get_log_events(logGroupName="/acted", logStreamName=stream, startFromHead=True)["events"]
        self.assertEqual([event["message"] for event in read()], ["ready"])
        self.assertEqual(self.ended(c, task), ("EssentialContainerExited", 3))
        self.assertEqual([event["message"] for event in read()], ["ready", "a; b"])

    def test_it_is_stopped_by_a_signal(self):
        c = Cluster(self, "signals")
        c.register()
        for line, code in (("sleep 600", 143), ("trap; sleep 600", 0)):
            task = self.begin(c, line)
            self.assertEqual(self.look(c, task)["lastStatus"], "RUNNING")
            self.ecs.stop_task(cluster=c.name, task=task["taskArn"], reason="enough")
            self.assertEqual(self.ended(c, task), ("UserInitiated", code))
        self.assertEqual(self.ended(c, self.begin(c, "rake db:migrate")), ("EssentialContainerExited", 0))

    def test_what_differs_from_the_definition_is_told(self):
        c = Cluster(self, "overridden")
        c.register()
        container = {"name": "web", "command": ["sleep", "600"]}
        task = self.begin(c, "", overrides={"cpu": "512", "memory": "1024", "containerOverrides": [container]})
        now = self.look(c, task)
        self.assertEqual((now["cpu"], now["memory"], now["overrides"]["containerOverrides"]), ("512", "1024", [container]))
        other = {"containerOverrides": [{"name": "wbe", "command": ["ls"]}]}
        self.refused("InvalidParameterException", self.begin, says="container named wbe", c=c, line="", overrides=other)

    def test_a_token_starts_one_task(self):
        c = Cluster(self, "token")
        c.register()
        first, second = (self.begin(c, "sleep 600", clientToken="t")["taskArn"] for _ in range(2))
        self.assertEqual(first, second)
        self.refused("ConflictException", self.begin, c=c, line="ls", clientToken="t")

    def test_without_capacity_nothing_is_started(self):
        c = Cluster(self, "no-room")
        c.register()
        self.server.outcomes(ecs__task="no-capacity")
        self.refused("ClientException", self.begin, says="Capacity is unavailable", c=c, line="ls")
        self.assertEqual(self.ended(c, self.begin(c, "exit 1")), ("EssentialContainerExited", 1))

    def test_a_deleted_definition_goes_with_its_last_task(self):
        c = Cluster(self, "gone")
        arn = c.register()
        task = self.begin(c, "sleep 600")
        self.ecs.deregister_task_definition(taskDefinition=arn)
        self.ecs.delete_task_definitions(taskDefinitions=[arn])
        families = lambda: self.ecs.list_task_definition_families(familyPrefix="gone", status="ALL")["families"]
        self.assertEqual((families(), self.look(c, task)["lastStatus"]), (["gone"], "RUNNING"))
        self.ecs.stop_task(cluster=c.name, task=task["taskArn"])
        self.assertEqual(self.ended(c, task), ("UserInitiated", 143))
        self.assertEqual(families(), [])


class Order(Case):
    """The reference architecture's core: built, refused in the wrong order, taken down in the right one."""

    def test_all_of_it(self):
        self.slowly(0.002)
        c = Cluster(self, "order")
        c.register()
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=c.net.public[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        c.create()
        self.until(lambda: c.look()["deployments"][0]["rolloutState"] == "COMPLETED", "up")
        too_early = [
            ("ClusterContainsServicesException", self.ecs.delete_cluster, {"cluster": "order"}),
            ("ResourceInUse", self.elbv2.delete_target_group, {"TargetGroupArn": c.balancer.target}),
            ("DependencyViolation", self.ec2.delete_security_group, {"GroupId": c.group}),
            ("DependencyViolation", self.ec2.delete_security_group, {"GroupId": c.balancer.group}),
            ("DependencyViolation", self.ec2.delete_subnet, {"SubnetId": c.net.public[0]}),
            ("DependencyViolation", self.ec2.delete_subnet, {"SubnetId": c.net.private[0]}),
            ("DependencyViolation", self.ec2.detach_internet_gateway, {"InternetGatewayId": c.net.gateway, "VpcId": c.net.vpc}),
            ("AuthFailure", self.ec2.release_address, {"AllocationId": address}),
            ("DependencyViolation", self.ec2.delete_vpc, {"VpcId": c.net.vpc}),
        ]
        for code, call, arguments in too_early:
            self.refused(code, call, **arguments)
        c.delete()
        self.until(lambda: c.look()["status"] == "INACTIVE", "inactive")
        self.ecs.delete_cluster(cluster="order")
        self.elbv2.delete_load_balancer(LoadBalancerArn=c.balancer.arn)
        self.elbv2.delete_target_group(TargetGroupArn=c.balancer.target)
        self.ec2.delete_nat_gateway(NatGatewayId=nat)
        self.until(lambda: self.ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] == "deleted", "deleted")
        self.ec2.release_address(AllocationId=address)
        mine = [{"Name": "vpc-id", "Values": [c.net.vpc]}]
        self.until(lambda: not self.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"], "without interfaces")
        self.ec2.detach_internet_gateway(InternetGatewayId=c.net.gateway, VpcId=c.net.vpc)
        self.ec2.delete_internet_gateway(InternetGatewayId=c.net.gateway)
        for group in (c.group, c.balancer.group):
            self.ec2.delete_security_group(GroupId=group)
        for subnet in c.net.public + c.net.private:
            self.ec2.delete_subnet(SubnetId=subnet)
        self.ec2.delete_vpc(VpcId=c.net.vpc)
