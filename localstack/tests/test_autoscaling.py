from concurrent.futures import ThreadPoolExecutor

from tests.aws import Case
from tests.test_ecs import Cluster


class Targets(Case):
    def target(self, cluster: str) -> dict:
        return {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{cluster}/web",
            "ScalableDimension": "ecs:service:DesiredCount",
        }

    def service(self, name: str) -> tuple[Cluster, dict]:
        c = Cluster(self, name)
        c.register()
        c.create()
        return c, self.target(name)

    def policy(self, target: dict, name: str = "cpu", value: float = 60) -> dict:
        tracked = {
            "TargetValue": value,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "ScaleInCooldown": 60,
        }
        return self.autoscaling.put_scaling_policy(
            **target, PolicyName=name, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=tracked
        )

    def targets(self, target: dict) -> list:
        answer = self.autoscaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]])
        return answer["ScalableTargets"]

    def policies(self, target: dict) -> list:
        return self.autoscaling.describe_scaling_policies(**target)["ScalingPolicies"]

    def test_it_wants_the_service(self):
        self.refused(
            "ValidationException",
            self.autoscaling.register_scalable_target,
            400,
            "ECS service doesn't exist: service/none/web",
            **self.target("none"),
            MinCapacity=1,
            MaxCapacity=2,
        )
        _, target = self.service("wants")
        self.autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
        self.assertEqual([(t["MinCapacity"], t["MaxCapacity"]) for t in self.targets(target)], [(1, 2)])
        self.refused("ValidationException", self.autoscaling.register_scalable_target, **target, MinCapacity=3)
        self.autoscaling.register_scalable_target(**target, MaxCapacity=9)
        self.assertEqual([(t["MinCapacity"], t["MaxCapacity"]) for t in self.targets(target)], [(1, 9)])

    def test_it_goes_with_the_service(self):
        c, target = self.service("goes")
        self.autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
        self.policy(target)
        self.assertEqual((len(self.targets(target)), len(self.policies(target))), (1, 1))
        c.delete()
        self.assertEqual((self.targets(target), self.policies(target)), ([], []))

    def test_policies_and_their_alarms(self):
        _, target = self.service("alarms")
        self.refused("ObjectNotFoundException", self.policy, 400, target=target)
        self.autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
        made = self.policy(target)
        names = [alarm["AlarmName"] for alarm in made["Alarms"]]
        self.assertEqual(len(names), 2)
        cloudwatch = self.server.client("cloudwatch")
        thresholds = lambda: sorted(alarm["Threshold"] for alarm in cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"])
        self.assertEqual(thresholds(), [54, 60])
        self.assertEqual(self.policy(target, value=50)["PolicyARN"], made["PolicyARN"])
        self.assertEqual(thresholds(), [45, 50])
        read = self.policies(target)[0]
        config = read["TargetTrackingScalingPolicyConfiguration"]
        self.assertEqual((config["TargetValue"], config["ScaleInCooldown"], config["DisableScaleIn"]), (50, 60, False))
        self.assertEqual([alarm["AlarmName"] for alarm in read["Alarms"]], names)
        self.autoscaling.deregister_scalable_target(**target)
        self.assertEqual((self.policies(target), thresholds()), ([], []))
        self.refused("ObjectNotFoundException", self.autoscaling.deregister_scalable_target, **target)
        self.refused("ObjectNotFoundException", self.autoscaling.delete_scaling_policy, **target, PolicyName="cpu")

    def test_more_at_once_than_the_server_has_workers(self):
        # Each makes alarms: were that a request to the server itself, none would have a worker left for it.
        _, target = self.service("crowd")
        self.autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
        with ThreadPoolExecutor(160) as crowd:
            made = list(crowd.map(lambda n: self.policy(target, f"p{n}"), range(160)))
        names = [alarm["AlarmName"] for policy in made for alarm in policy["Alarms"]]
        self.assertEqual(len(set(names)), 320)
        self.autoscaling.deregister_scalable_target(**target)
        self.assertEqual(self.server.client("cloudwatch").describe_alarms(AlarmNames=names[:100])["MetricAlarms"], [])

    def test_tags(self):
        _, target = self.service("astags")
        answer = self.autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2, Tags={"at": "birth"})
        arn = answer["ScalableTargetARN"]
        self.assertEqual(self.targets(target)[0]["ScalableTargetARN"], arn)
        self.autoscaling.tag_resource(ResourceARN=arn, Tags={"more": "x"})
        self.autoscaling.untag_resource(ResourceARN=arn, TagKeys=["at"])
        self.assertEqual(self.autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"more": "x"})
        self.refused("ResourceNotFoundException", self.autoscaling.list_tags_for_resource, ResourceARN=arn + "0")
