# The architecture of stacks/webapp.yaml as Terraform configuration, for `benches/compare.py` only. What the stack file has
# not is left out with the variables `data`, `delivery`, `keys` and `people`, so that both always describe the same thing.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "endpoint" {
  description = "Where every request goes"
  type        = string
}

variable "name" {
  type    = string
  default = "webapp-tf"
}

variable "log_level" {
  description = "The one line that the comparison changes"
  type        = string
  default     = "info"
}

variable "data" {
  type    = bool
  default = true
}

variable "delivery" {
  type    = bool
  default = true
}

variable "keys" {
  type    = bool
  default = true
}

variable "people" {
  type    = bool
  default = true
}

locals {
  zones = { a = 0, b = 1, c = 2 }
  tiers = { public = 0, app = 1, data = 2 }
  subnets = merge([for tier, row in local.tiers : {
    for zone, column in local.zones : "${tier}-${zone}" => {
      tier = tier, zone = zone, cidr = cidrsubnet("10.0.0.0/16", 4, row * 4 + column)
    }
  }]...)
  tables = merge({ public = "public", data = "data" }, { for zone, _ in local.zones : "app-${zone}" => "app" })

  services = {
    web = {
      cpu     = 512, memory = 1024, port = 80, count = 3, max = 30, path = "/*", priority = 200, days = 30
      image   = "public.ecr.aws/nginx/nginx:1.27", command = null
      targets = { cpu = ["ECSServiceAverageCPUUtilization", 60], requests = ["ALBRequestCountPerTarget", 1000] }
    }
    api = {
      cpu     = 256, memory = 512, port = 80, count = 2, max = 20, path = "/api/*", priority = 100, days = 30
      image   = "public.ecr.aws/nginx/nginx:1.27", command = null
      targets = { cpu = ["ECSServiceAverageCPUUtilization", 60], memory = ["ECSServiceAverageMemoryUtilization", 70] }
    }
    worker = {
      cpu     = 256, memory = 512, port = null, count = 1, max = null, path = null, priority = null, days = 14
      image   = "public.ecr.aws/docker/library/busybox:1.37", command = ["sh", "-c", "while true; do echo working; sleep 60; done"]
      targets = {}
    }
  }
  served  = { for name, s in local.services : name => s if s.port != null }
  targets = merge([for name, s in local.services : { for what, t in s.targets : "${name}-${what}" => { service = name, metric = t[0], value = t[1] } }]...)
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {
    applicationautoscaling = var.endpoint
    cloudfront             = var.endpoint
    cloudwatchlogs         = var.endpoint
    ec2                    = var.endpoint
    ecs                    = var.endpoint
    elasticache            = var.endpoint
    elbv2                  = var.endpoint
    iam                    = var.endpoint
    kms                    = var.endpoint
    rds                    = var.endpoint
    s3                     = var.endpoint
    secretsmanager         = var.endpoint
    sts                    = var.endpoint
  }
  default_tags { tags = { stack = var.name } }
}

# Network

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_default_security_group" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "all" {
  for_each          = local.subnets
  vpc_id            = aws_vpc.main.id
  cidr_block        = each.value.cidr
  availability_zone = "us-east-1${each.value.zone}"
}

resource "aws_eip" "nat" {
  for_each = local.zones
  domain   = "vpc"
}

resource "aws_nat_gateway" "all" {
  for_each      = local.zones
  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.all["public-${each.key}"].id
  depends_on    = [aws_internet_gateway.main]
}

resource "aws_route_table" "all" {
  for_each = local.tables
  vpc_id   = aws_vpc.main.id
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.all["public"].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route" "nat" {
  for_each               = local.zones
  route_table_id         = aws_route_table.all["app-${each.key}"].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.all[each.key].id
}

resource "aws_route_table_association" "all" {
  for_each       = local.subnets
  subnet_id      = aws_subnet.all[each.key].id
  route_table_id = aws_route_table.all[each.value.tier == "app" ? each.key : each.value.tier].id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = "com.amazonaws.us-east-1.s3"
  route_table_ids = [for name, tier in local.tables : aws_route_table.all[name].id if tier != "public"]
}

# Who may talk to whom

resource "aws_security_group" "balancer" {
  name   = "${var.name}-alb"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group" "service" {
  for_each = local.services
  name     = "${var.name}-${each.key}"
  vpc_id   = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "http" {
  security_group_id = aws_security_group.balancer.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id = aws_security_group.balancer.id
  cidr_ipv4         = "10.0.0.0/16"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  for_each                     = local.served
  security_group_id            = aws_security_group.service[each.key].id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "api_from_web" {
  security_group_id            = aws_security_group.service["api"].id
  referenced_security_group_id = aws_security_group.service["web"].id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_vpc_security_group_egress_rule" "service" {
  for_each          = local.services
  security_group_id = aws_security_group.service[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# Load balancer

resource "aws_lb" "main" {
  name               = var.name
  load_balancer_type = "application"
  security_groups    = [aws_security_group.balancer.id]
  subnets            = [for zone, _ in local.zones : aws_subnet.all["public-${zone}"].id]
  idle_timeout       = 120
  depends_on         = [aws_internet_gateway.main]
}

resource "aws_lb_target_group" "all" {
  for_each             = local.served
  name                 = "${var.name}-${each.key}"
  port                 = each.value.port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30
  health_check { path = "/" }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.all["web"].arn
  }
}

resource "aws_lb_listener_rule" "api" {
  listener_arn = aws_lb_listener.http.arn
  priority     = local.services.api.priority
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.all["api"].arn
  }
  condition {
    path_pattern { values = [local.services.api.path] }
  }
}

# Services

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each           = local.services
  name               = "${var.name}-${each.key}-exec"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.services
  role     = aws_iam_role.execution[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${aws_cloudwatch_log_group.all[each.key].arn}:*"
  }] })
}

resource "aws_iam_role" "task" {
  for_each           = local.services
  name               = "${var.name}-${each.key}-task"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_cloudwatch_log_group" "all" {
  for_each          = local.services
  name              = "/${var.name}/${each.key}"
  retention_in_days = each.value.days
}

resource "aws_ecs_cluster" "main" {
  name = var.name
}

resource "aws_ecs_task_definition" "all" {
  for_each                 = local.services
  family                   = "${var.name}-${each.key}"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  container_definitions = jsonencode([merge(
    {
      name        = each.key
      image       = each.value.image
      essential   = true
      environment = each.key == "web" ? [{ name = "LOG_LEVEL", value = var.log_level }] : []
      logConfiguration = { logDriver = "awslogs", options = {
        "awslogs-group" = aws_cloudwatch_log_group.all[each.key].name, "awslogs-region" = "us-east-1", "awslogs-stream-prefix" = each.key
      } }
    },
    each.value.port == null ? {} : { portMappings = [{ containerPort = each.value.port, hostPort = each.value.port, protocol = "tcp" }] },
    each.value.command == null ? {} : { command = each.value.command },
  )])
}

resource "aws_ecs_service" "all" {
  for_each        = local.services
  name            = each.key
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.all[each.key].arn
  desired_count   = each.value.count
  launch_type     = "FARGATE"
  # The other side waits until the tasks serve, so this one does too.
  wait_for_steady_state = true
  network_configuration {
    subnets         = [for zone, _ in local.zones : aws_subnet.all["app-${zone}"].id]
    security_groups = [aws_security_group.service[each.key].id]
  }
  dynamic "load_balancer" {
    for_each = each.value.port == null ? [] : [each.value.port]
    content {
      target_group_arn = aws_lb_target_group.all[each.key].arn
      container_name   = each.key
      container_port   = load_balancer.value
    }
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  lifecycle { ignore_changes = [desired_count] }
  depends_on = [aws_lb_listener.http, aws_lb_listener_rule.api, aws_route.nat, aws_iam_role_policy.execution]
}

resource "aws_appautoscaling_target" "all" {
  for_each           = local.served
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.all[each.key].name}"
  min_capacity       = each.value.count
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "all" {
  for_each           = local.targets
  name               = "${var.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.all[each.value.service].resource_id
  target_tracking_scaling_policy_configuration {
    target_value = each.value.value
    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      resource_label         = each.value.metric == "ALBRequestCountPerTarget" ? "${aws_lb.main.arn_suffix}/${aws_lb_target_group.all[each.value.service].arn_suffix}" : null
    }
  }
}

# Keys

resource "aws_kms_key" "main" {
  count                   = var.keys ? 1 : 0
  description             = var.name
  enable_key_rotation     = true
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "main" {
  count         = var.keys ? 1 : 0
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.main[0].key_id
}

# Databases and caches

resource "aws_security_group" "data" {
  for_each = var.data ? { database = 5432, cache = 6379 } : {}
  name     = "${var.name}-${each.key}"
  vpc_id   = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "data" {
  for_each                     = var.data ? { database = 5432, cache = 6379 } : {}
  security_group_id            = aws_security_group.data[each.key].id
  referenced_security_group_id = aws_security_group.service["web"].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_db_subnet_group" "main" {
  count      = var.data ? 1 : 0
  name       = var.name
  subnet_ids = [for zone, _ in local.zones : aws_subnet.all["data-${zone}"].id]
}

resource "aws_db_parameter_group" "main" {
  count  = var.data ? 1 : 0
  name   = var.name
  family = "postgres16"
  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }
}

resource "aws_db_instance" "main" {
  count                       = var.data ? 1 : 0
  identifier                  = var.name
  engine                      = "postgres"
  engine_version              = "16"
  instance_class              = "db.t4g.medium"
  allocated_storage           = 50
  storage_type                = "gp3"
  storage_encrypted           = true
  kms_key_id                  = var.keys ? aws_kms_key.main[0].arn : null
  multi_az                    = true
  username                    = "app"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.main[0].name
  parameter_group_name        = aws_db_parameter_group.main[0].name
  vpc_security_group_ids      = [aws_security_group.data["database"].id]
  backup_retention_period     = 14
  skip_final_snapshot         = true
}

resource "aws_elasticache_subnet_group" "main" {
  count      = var.data ? 1 : 0
  name       = var.name
  subnet_ids = [for zone, _ in local.zones : aws_subnet.all["data-${zone}"].id]
}

resource "aws_elasticache_replication_group" "main" {
  count                      = var.data ? 1 : 0
  replication_group_id       = var.name
  description                = "sessions"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = "cache.t4g.small"
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.main[0].name
  security_group_ids         = [aws_security_group.data["cache"].id]
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
}

# Delivery

resource "aws_s3_bucket" "assets" {
  count         = var.delivery ? 1 : 0
  bucket        = "${var.name}-assets"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "assets" {
  count                   = var.delivery ? 1 : 0
  bucket                  = aws_s3_bucket.assets[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "assets" {
  count  = var.delivery ? 1 : 0
  bucket = aws_s3_bucket.assets[0].id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_policy" "assets" {
  count  = var.delivery ? 1 : 0
  bucket = aws_s3_bucket.assets[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect    = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.assets[0].arn}/*"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Condition = { StringEquals = { "AWS:SourceArn" = aws_cloudfront_distribution.main[0].arn } }
  }] })
}

resource "aws_cloudfront_origin_access_control" "assets" {
  count                             = var.delivery ? 1 : 0
  name                              = "${var.name}-assets"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "main" {
  count   = var.delivery ? 1 : 0
  enabled = true
  comment = var.name
  origin {
    origin_id   = "services"
    domain_name = aws_lb.main.dns_name
    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "http-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }
  origin {
    origin_id                = "assets"
    domain_name              = aws_s3_bucket.assets[0].bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.assets[0].id
  }
  default_cache_behavior {
    target_origin_id       = "services"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  }
  ordered_cache_behavior {
    path_pattern           = "/static/*"
    target_origin_id       = "assets"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }
  restrictions {
    geo_restriction { restriction_type = "none" }
  }
  viewer_certificate { cloudfront_default_certificate = true }
}

# People

resource "aws_iam_group" "developers" {
  count = var.people ? 1 : 0
  name  = "${var.name}-developers"
}

resource "aws_iam_group_policy_attachment" "developers" {
  count      = var.people ? 1 : 0
  group      = aws_iam_group.developers[0].name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_user" "alice" {
  count = var.people ? 1 : 0
  name  = "${var.name}-alice"
}

resource "aws_iam_user_group_membership" "alice" {
  count  = var.people ? 1 : 0
  user   = aws_iam_user.alice[0].name
  groups = [aws_iam_group.developers[0].name]
}
