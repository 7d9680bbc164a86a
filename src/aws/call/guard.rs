//! The interceptor before every attempt of every call: it asks the fence, and names the call for the connector.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::fence::Fence;

/// The call that a request belongs to. The SDK names it to interceptors only, so one hands it to the connector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::aws) struct Named {
    pub(in crate::aws) service: String,
    pub(in crate::aws) operation: String,
}

/// Asks the fence before every attempt of every call.
#[derive(Clone, Debug)]
pub(in crate::aws) struct Guard(pub(in crate::aws) Arc<Fence>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = cfg.load::<Metadata>().map_or("", Metadata::name);
        Ok(self.0.check(operation)?)
    }

    /// Names the call for the connector.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Metadata>() {
            let named = Named { service: call.service().to_owned(), operation: call.name().to_owned() };
            context.request_mut().add_extension(named);
        }
        Ok(())
    }
}
