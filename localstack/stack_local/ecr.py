"""ECR is moto's, whole: repositories, policies and tags are enough to plan and apply against."""

from stack_local.core import Operations

operations = Operations("ecr")
