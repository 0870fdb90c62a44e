//! Which code stands behind which name.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::program::Application;

/// What a new process of an application is told of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Addresses of all brokers, `HOST:PORT`.
    pub brokers: Vec<String>,
    /// Which uptime of this application it is, from 0: it grows with each crash.
    pub restarts: u64,
}

type Make = dyn Fn(&Environment) -> Box<dyn Application> + Send + Sync;

/// Applications by name. Each process is made anew: what it should know after a crash it must read.
#[derive(Clone, Default)]
pub struct Applications {
    by_name: BTreeMap<String, Arc<Make>>,
}

impl Applications {
    /// The same, and one more; one of the same name is replaced.
    #[must_use]
    pub fn with<A: Application + 'static>(
        mut self,
        name: impl Into<String>,
        make: impl Fn(&Environment) -> A + Send + Sync + 'static,
    ) -> Self {
        let make = move |environment: &Environment| -> Box<dyn Application> {
            Box::new(make(environment))
        };
        self.by_name.insert(name.into(), Arc::new(make));
        self
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A new process of the application of a name, if there is one.
    pub(crate) fn make(
        &self,
        name: &str,
        environment: &Environment,
    ) -> Option<Box<dyn Application>> {
        self.by_name.get(name).map(|make| make(environment))
    }
}

impl fmt::Debug for Applications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

/// Each process is made anew: a run that ends in a panic leaves nothing behind.
impl UnwindSafe for Applications {}

impl RefUnwindSafe for Applications {}
