use std::collections::BTreeMap;

use aws_sdk_cloudfront::types::{
    AllowedMethods, CacheBehavior, CachedMethods, DefaultCacheBehavior, EventType, FunctionAssociation, FunctionAssociations,
    LambdaFunctionAssociation, LambdaFunctionAssociations, Method, ViewerProtocolPolicy,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{built, count};
use crate::engine::Result;

/// AWS's managed policies, which exist in every account: by name here, by identifier in CloudFront.
pub mod policies {
    /// Nothing is cached.
    pub const CACHING_DISABLED: &str = "CachingDisabled";
    /// Answers are cached for as long as the origin says, or a day if it says nothing.
    pub const CACHING_OPTIMIZED: &str = "CachingOptimized";
    /// The origin gets the request as the viewer sent it, including its host.
    pub const ALL_VIEWER: &str = "AllViewer";
    /// Answers get the headers that make browsers more careful.
    pub const SECURITY_HEADERS: &str = "SecurityHeadersPolicy";

    /// Names and identifiers: cache policies first, then origin request policies, then response headers policies.
    pub(super) const MANAGED: &[(&str, &str)] = &[
        (CACHING_DISABLED, "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
        (CACHING_OPTIMIZED, "658327ea-f89d-4fab-a63d-7e88639e58f6"),
        ("CachingOptimizedForUncompressedObjects", "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"),
        ("UseOriginCacheControlHeaders", "83da9c7e-98b4-4e11-a168-04f0df8e2c65"),
        ("UseOriginCacheControlHeaders-QueryStrings", "4cc15a8a-d715-48a4-82b8-cc0b614638fe"),
        (ALL_VIEWER, "216adef6-5c7f-47e4-b989-5492eafa07d3"),
        ("AllViewerExceptHostHeader", "b689b0a8-53d0-40ab-baf2-68738e2966ac"),
        ("CORS-S3Origin", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"),
        ("CORS-CustomOrigin", "59781a5b-3903-41f3-afcb-af62929ccde1"),
        (SECURITY_HEADERS, "67f7725c-6f97-4210-82d7-5512b31e9d03"),
        ("SimpleCORS", "60669652-455b-4ae9-85a4-c4c02393f86c"),
        ("CORS-With-Preflight", "5cc3b908-e619-4b99-88e5-2cf7f45965bd"),
        ("CORS-and-SecurityHeadersPolicy", "e61eb60c-9c35-4d20-a928-2b84e02af89c"),
    ];

    /// Returns a policy as `stack` writes it: by its name, if it is one of AWS's.
    pub(super) fn name(text: &str) -> String {
        MANAGED.iter().find(|(_, id)| *id == text).map_or(text, |(name, _)| name).to_owned()
    }

    /// Returns a policy as AWS expects it: by its identifier.
    pub(super) fn id(text: &str) -> String {
        MANAGED.iter().find(|(name, _)| *name == text).map_or(text, |(_, id)| id).to_owned()
    }
}

/// How requests are handled: which origin they go to, and what of the answers is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Behavior {
    /// The path pattern: `/static/*`. Left out in the default, which handles all other paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The origin: its name in `origins`.
    pub origin: String,
    /// The HTTP methods that are allowed: `GET` and `HEAD`, those and `OPTIONS`, or all seven.
    pub methods: Vec<String>,
    /// The protocols for viewers: `redirect-to-https`, `https-only` or `allow-all`.
    pub viewer_protocol: String,
    /// Whether answers are compressed for viewers that support it.
    pub compress: bool,
    /// The cache policy, which decides what is cached and by what: the name of one of AWS's (`CachingOptimized`), or the
    /// identifier of another.
    #[serde(deserialize_with = "policy")]
    pub cache_policy: String,
    /// The origin request policy, which decides what the origin sees of requests: a name or identifier, as for `cache_policy`.
    /// Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_policy")]
    pub origin_request_policy: Option<String>,
    /// The response headers policy, which adds headers to answers: a name or identifier, as for `cache_policy`. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_policy")]
    pub response_headers_policy: Option<String>,
    /// The CloudFront functions that process requests or answers: ARNs by event (`viewer-request`). Others are removed. Left out:
    /// none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, String>,
    /// The Lambda functions that process requests or answers: ARNs of versions by event. Others are removed. Left out: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lambda_functions: BTreeMap<String, String>,
}

fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(policies::name(&String::deserialize(deserializer)?))
}

fn optional_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(|text| policies::name(&text)))
}

fn names(methods: Option<&AllowedMethods>) -> Vec<String> {
    let mut names: Vec<String> = methods.map_or(&[][..], |m| m.items()).iter().map(|m| m.as_str().to_owned()).collect();
    names.sort();
    names
}

fn functions(from: Option<&FunctionAssociations>) -> BTreeMap<String, String> {
    let all = from.map_or(&[][..], |f| f.items()).iter();
    all.map(|f| (f.event_type().as_str().to_owned(), f.function_arn().to_owned())).collect()
}

fn lambda_functions(from: Option<&LambdaFunctionAssociations>) -> BTreeMap<String, String> {
    let all = from.map_or(&[][..], |f| f.items()).iter();
    all.map(|f| (f.event_type().as_str().to_owned(), f.lambda_function_arn().to_owned())).collect()
}

/// Implements the same for AWS's two types of behaviour, one of which has a path.
macro_rules! both {
    ($($read:ident $write:ident $type:ident;)*) => {
        impl Behavior {
            $(
                pub(super) fn $read(from: &$type) -> Behavior {
                    Behavior {
                        path: None,
                        origin: from.target_origin_id().to_owned(),
                        methods: names(from.allowed_methods()),
                        viewer_protocol: from.viewer_protocol_policy().as_str().to_owned(),
                        compress: from.compress().unwrap_or(false),
                        cache_policy: from.cache_policy_id().map(policies::name).unwrap_or_default(),
                        origin_request_policy: from.origin_request_policy_id().filter(|id| !id.is_empty()).map(policies::name),
                        response_headers_policy: from.response_headers_policy_id().filter(|id| !id.is_empty()).map(policies::name),
                        functions: functions(from.function_associations()),
                        lambda_functions: lambda_functions(from.lambda_function_associations()),
                    }
                }

                /// Writes this behaviour over the one that was read, and leaves everything that `stack` does not know.
                pub(super) fn $write(&self, to: &mut $type) -> Result<()> {
                    to.target_origin_id.clone_from(&self.origin);
                    to.allowed_methods = Some(self.methods()?);
                    to.viewer_protocol_policy = ViewerProtocolPolicy::from(self.viewer_protocol.as_str());
                    to.compress = Some(self.compress);
                    to.cache_policy_id = Some(policies::id(&self.cache_policy));
                    to.origin_request_policy_id = self.origin_request_policy.as_deref().map(policies::id);
                    to.response_headers_policy_id = self.response_headers_policy.as_deref().map(policies::id);
                    if functions(to.function_associations()) != self.functions {
                        to.function_associations = Some(self.functions()?);
                    }
                    if lambda_functions(to.lambda_function_associations()) != self.lambda_functions {
                        to.lambda_function_associations = Some(self.lambda_functions()?);
                    }
                    // What policies are instead of.
                    #[allow(deprecated)]
                    {
                        to.forwarded_values = None;
                        (to.min_ttl, to.default_ttl, to.max_ttl) = (None, None, None);
                    }
                    Ok(())
                }
            )*
        }
    };
}

both! {
    of_default write_default DefaultCacheBehavior;
    of_path write_path CacheBehavior;
}

impl Behavior {
    pub(super) fn new_default(&self) -> Result<DefaultCacheBehavior> {
        let bare = DefaultCacheBehavior::builder().target_origin_id(&self.origin);
        let mut made = built(bare.viewer_protocol_policy(ViewerProtocolPolicy::from(self.viewer_protocol.as_str())).build())?;
        self.write_default(&mut made)?;
        Ok(made)
    }

    pub(super) fn new_path(&self, path: &str) -> Result<CacheBehavior> {
        let bare = CacheBehavior::builder().path_pattern(path).target_origin_id(&self.origin);
        let mut made = built(bare.viewer_protocol_policy(ViewerProtocolPolicy::from(self.viewer_protocol.as_str())).build())?;
        self.write_path(&mut made)?;
        Ok(made)
    }

    fn functions(&self) -> Result<FunctionAssociations> {
        let one = |(event, arn): (&String, &String)| {
            built(FunctionAssociation::builder().event_type(EventType::from(event.as_str())).function_arn(arn).build())
        };
        let all = self.functions.iter().map(one).collect::<Result<Vec<_>>>()?;
        let made = FunctionAssociations::builder().quantity(count(&all));
        built(made.set_items((!all.is_empty()).then_some(all)).build())
    }

    fn lambda_functions(&self) -> Result<LambdaFunctionAssociations> {
        let one = |(event, arn): (&String, &String)| {
            built(
                LambdaFunctionAssociation::builder().event_type(EventType::from(event.as_str())).lambda_function_arn(arn).build(),
            )
        };
        let all = self.lambda_functions.iter().map(one).collect::<Result<Vec<_>>>()?;
        let made = LambdaFunctionAssociations::builder().quantity(count(&all));
        built(made.set_items((!all.is_empty()).then_some(all)).build())
    }

    fn methods(&self) -> Result<AllowedMethods> {
        let methods: Vec<Method> = self.methods.iter().map(|m| Method::from(m.as_str())).collect();
        let kept = built(CachedMethods::builder().quantity(2).items(Method::Get).items(Method::Head).build())?;
        built(AllowedMethods::builder().quantity(count(&methods)).set_items(Some(methods)).cached_methods(kept).build())
    }
}
